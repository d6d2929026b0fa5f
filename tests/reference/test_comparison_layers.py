"""What holds for all comparison layers: parameters, input, leading axes, determinism, and what is not changed."""

import pickle
import subprocess
import sys
from dataclasses import fields
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from support.comparison import KINDS, random_layer, tokens_of
from support.rounding import APART

from peerspec.reference import InputError, TableError
from peerspec.reference.comparison import ComparisonLayer, forward, gradients

SHAPES = """
from itertools import product
from jaxtyping import TypeCheckError, install_import_hook

install_import_hook("peerspec.reference", "beartype.beartype")
import numpy as np
from support.comparison import KINDS, random_layer, tokens_of
from peerspec.reference.comparison import forward, gradients
from peerspec.reference.comparison.token_choice import choose

for kind, lead in product(KINDS, ((6,), (2, 3), ())):
    layer = random_layer(kind)
    x, dy = tokens_of(layer, *lead)
    forward(layer, x, mask=np.ones(lead, bool), training=True)
    gradients(layer, x, dy)
try:
    choose(np.zeros((2, 3, 4)), 2)
except TypeCheckError:
    print("checked")
"""


def test_every_kind_keeps_the_shapes_of_the_signatures() -> None:
    """In a process of its own, because the hook makes every call slower."""
    program = f"import sys; sys.path[:0] = {sys.path!r}\n{SHAPES}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["checked"]


def arrays_of(out: Any) -> dict[str, np.ndarray]:
    found = {field.name: getattr(out, field.name) for field in fields(out) if field.name != "state"}
    return {name: array for name, array in found.items() if array is not None}


@pytest.mark.parametrize("kind", KINDS)
def test_leading_axes_are_tokens_in_row_major_order(kind: str) -> None:
    layer = random_layer(kind)
    x, dy = tokens_of(layer, 2, 3)
    flat = arrays_of(forward(layer, x.reshape(6, -1)))
    for name, array in arrays_of(forward(layer, x)).items():
        np.testing.assert_array_equal(array.reshape(flat[name].shape), flat[name])
        assert array.shape[:2] == (2, 3)
    got, expected = gradients(layer, x, dy), gradients(layer, x.reshape(6, -1), dy.reshape(6, -1))
    for name, gradient in got.items():
        np.testing.assert_array_equal(gradient.reshape(expected[name].shape), expected[name])


@pytest.mark.parametrize("lead", [(), (1,), (0,), (2, 0)])
@pytest.mark.parametrize("kind", KINDS)
def test_no_token_and_one_token_are_legal(kind: str, lead: tuple[int, ...]) -> None:
    layer = random_layer(kind)
    x, dy = tokens_of(layer, *lead)
    training = layer.config.query_norm != "batch" if kind.startswith("pkm") else True
    assert forward(layer, x).y.shape == (*lead, 7)
    grads = gradients(layer, x, dy, training=training)
    assert grads["x"].shape == x.shape
    assert np.isfinite(forward(layer, x).y).all()
    if not x.size:
        assert not any(gradient.any() for gradient in grads.values())


@pytest.mark.parametrize("kind", KINDS)
def test_results_repeat_and_nothing_is_changed(kind: str) -> None:
    layer = random_layer(kind)
    x, dy = tokens_of(layer, 6)
    mask = np.arange(6) != 2
    before = {name: array.copy() for name, array in (dict(layer.params) | {"x": x, "mask": mask, "dy": dy}).items()}
    first, grads = forward(layer, x, mask=mask), gradients(layer, x, dy, mask=mask)
    again = forward(layer, x, mask=mask)
    for name, array in arrays_of(first).items():
        np.testing.assert_array_equal(arrays_of(again)[name], array)
    for name, gradient in gradients(layer, x, dy, mask=mask).items():
        np.testing.assert_array_equal(gradient, grads[name])
    for name, array in (dict(layer.params) | {"x": x, "mask": mask, "dy": dy}).items():
        np.testing.assert_array_equal(array, before[name])


@pytest.mark.parametrize("kind", KINDS)
def test_a_selection_that_is_given_gives_the_same_result(kind: str) -> None:
    layer = random_layer(kind)
    x, dy = tokens_of(layer, 2, 3)
    out = forward(layer, x)
    if kind.startswith("dense"):
        with pytest.raises(InputError, match=r"a dense layer selects nothing; leave out the selection \(DNS-3\)"):
            forward(layer, x, selection=np.zeros((2, 3), int))
        return
    selection = out.chosen if kind.startswith("experts") else out.indices
    for name, array in arrays_of(forward(layer, x, selection=selection)).items():
        np.testing.assert_array_equal(array, arrays_of(out)[name])
    expected = gradients(layer, x, dy, training=False)
    for name, gradient in gradients(layer, x, dy, training=False, selection=selection).items():
        np.testing.assert_array_equal(gradient, expected[name])
    with pytest.raises(InputError, match=r"selection must be .* of shape"):
        forward(layer, x, selection=selection[0])
    if not kind.startswith("experts"):
        with pytest.raises(InputError, match=r"selection must lie in 0\.\.\d+, got -1\.\."):
            forward(layer, x, selection=0 * selection - 1)


@pytest.mark.parametrize("dtype", [np.float32, np.float16, ml_dtypes.bfloat16])
@pytest.mark.parametrize("kind", KINDS)
def test_narrow_parameters_are_widened_exactly(kind: str, dtype: Any) -> None:
    layer = random_layer(kind, dtype)
    wide = ComparisonLayer(layer.config, {name: array.astype(np.float64) for name, array in layer.params.items()})
    x = tokens_of(layer, 6)[0].astype(dtype)
    np.testing.assert_array_equal(forward(layer, x).y, forward(wide, x.astype(np.float64)).y)


@pytest.mark.parametrize("kind", KINDS)
def test_float32_stays_close_to_float64(kind: str) -> None:
    """The same operations with 29 bits less, where no choice changes."""
    layer = random_layer(kind, np.float32)
    x = tokens_of(layer, 6)[0].astype(np.float32)
    narrow, wide = forward(layer, x, dtype=np.float32), forward(layer, x)
    assert narrow.y.dtype == np.float32
    assert abs(narrow.y - wide.y).max() <= APART * 2**29 * abs(wide.y).max()


@pytest.mark.parametrize("kind", KINDS)
def test_parameters_that_do_not_fit_are_refused(kind: str) -> None:
    layer = random_layer(kind)
    params = dict(layer.params)
    name = next(name for name in params if params[name].ndim > 1)
    wrong: list[tuple[dict[str, Any], str]] = [
        ({n: a for n, a in params.items() if n != name}, r"the layer lacks the parameter .* \(CMP-3\)"),
        (params | {"colour": params[name]}, r"'colour' is not a parameter of this configuration; .* \(CMP-3\)"),
        (params | {name: params[name][1:]}, r"must have shape .* for this configuration, got .* \(CMP-3\)"),
        (params | {name: params[name] * np.nan}, r"holds NaN or infinity; .* \(PAR-3\)"),
        (params | {[*params][-1]: params[[*params][-1]].astype(np.float32)}, r"must be float64 .* \(PAR-5\)"),
        ({n: a.astype(int) for n, a in params.items()}, r"must be of dtype float64, .*, got int64; .* \(PAR-5\)"),
    ]
    for given, message in wrong:
        with pytest.raises(TableError, match=message):
            ComparisonLayer(layer.config, given)


def test_input_that_does_not_fit_is_refused() -> None:
    layer = random_layer("tokens")
    x, dy = tokens_of(layer, 6)
    with pytest.raises(InputError, match=r"x must have shape \[\.\.\., 5\], got \(6, 7\) \(SHP-1\)"):
        forward(layer, dy)
    with pytest.raises(InputError, match=r"x must be float64 for parameters of float64, got float32; .* \(PAR-5\)"):
        forward(layer, x.astype(np.float32))
    with pytest.raises(InputError, match=r"mask must be boolean of shape \(6,\), got int64 of shape \(6,\) \(SHP-2\)"):
        forward(layer, x, mask=np.ones(6, int))
    with pytest.raises(InputError, match=r"dy must have the shape of y, \(6, 7\), got \(6, 5\) \(SHP-1\)"):
        gradients(layer, x, x)


@pytest.mark.parametrize("kind", KINDS)
def test_a_layer_can_be_pickled(kind: str) -> None:
    layer = random_layer(kind)
    copy = pickle.loads(pickle.dumps(layer))
    assert copy.config == layer.config
    assert all((copy.params[name] == array).all() for name, array in layer.params.items())


@pytest.mark.parametrize("kind", KINDS)
def test_a_token_that_is_not_finite_is_no_reason_to_warn(kind: str) -> None:
    """A warning is an error here."""
    layer = random_layer(kind, np.float32)
    for bad in (np.nan, np.inf, -np.inf, 3e38):
        x, dy = (array.astype(np.float32) for array in tokens_of(layer, 6))
        x[2, 1] = bad
        assert gradients(layer, x, dy)["x"].shape == x.shape
