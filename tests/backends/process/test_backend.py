"""A program as a backend object: the contract, its files, and its end."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from peerspec.backends import reference
from peerspec.backends.process import Command, ProcessBackend, ProcessError
from peerspec.conformance import check_backend
from peerspec.reference import PRECISIONS, Layer, PeerConfig

CONFIG = PeerConfig(5, 2, 16, 3, 4, d_out=3, query_norm="batch")
Programs = Callable[..., Command]


@pytest.fixture(scope="module")
def backend(program: Programs) -> Iterator[ProcessBackend]:
    with ProcessBackend(program("whole.py").words) as backend:
        yield backend


@pytest.fixture
def layer() -> Layer:
    return Layer.random(CONFIG, dtype=np.float64)


X = np.random.default_rng(0).standard_normal((2, 4, 5))
MASK = np.array([[True, False, True, True], [False, True, True, True]])


def test_forward_is_that_of_the_program(backend: ProcessBackend, layer: Layer) -> None:
    got, right = (b.forward(layer, X, mask=MASK, training=True) for b in (backend, reference))
    assert got.state is not None
    assert right.state is not None
    for name in ("y", "scores", "indices", "gates"):
        np.testing.assert_array_equal(getattr(got, name), getattr(right, name))
    for name, value in right.state.items():
        np.testing.assert_array_equal(got.state[name], value)


def test_gradients_are_those_of_the_program(backend: ProcessBackend, layer: Layer) -> None:
    dy = np.ones((2, 4, 3))
    right = reference.gradients(layer, X, dy, mask=MASK)
    got = backend.gradients(layer, X, dy, mask=MASK)  # type: ignore[attr-defined]  # offered by the program
    assert got.keys() == right.keys()
    for name, value in right.items():
        np.testing.assert_array_equal(got[name], value)


def test_methods_exist_only_where_the_program_offers_them(backend: ProcessBackend, program: Programs) -> None:
    with ProcessBackend(program("broken.py", "right").words) as plain:
        for name in ("select", "gradients", "supports"):
            assert hasattr(backend, name)
            assert not hasattr(plain, name)


def test_a_layer_changed_in_place_is_written_anew(backend: ProcessBackend, layer: Layer) -> None:
    before = backend.forward(layer, X).y
    layer.params["experts.v"][...] *= 2
    np.testing.assert_array_equal(backend.forward(layer, X).y, 2 * before)


def test_a_call_leaves_nothing_but_the_layer_and_the_end_leaves_nothing(program: Programs, layer: Layer) -> None:
    backend = ProcessBackend(program("whole.py").words)
    folder = backend._folder
    for _ in range(2):
        backend.forward(layer, X)
        assert [path.name for path in folder.iterdir()] == ["1.layer.safetensors"]
    backend.close()
    backend.close()
    assert not folder.exists()
    with pytest.raises(ProcessError, match="was stopped"):
        backend.forward(layer, X)


def test_a_program_with_a_fault_can_be_called_again_unless_it_is_dead(program: Programs, layer: Layer) -> None:
    with ProcessBackend(program("broken.py", "error").words) as backend:
        for _ in range(2):
            with pytest.raises(ProcessError, match="with the error"):
                backend.forward(layer, X)
            assert not backend.dead
    with ProcessBackend(program("broken.py", "exits").words) as backend:
        for _ in range(2):
            with pytest.raises(ProcessError, match="exit status 3"):
                backend.forward(layer, X)
            assert backend.dead


def test_a_running_program_is_judged_like_any_object(program: Programs) -> None:
    with ProcessBackend(program("broken.py", "right").words) as backend:
        assert check_backend(backend, size="minimal", only=["structure", "output"]).exit_status == 0
        assert not backend.dead


def test_refused_configurations_are_named_in_the_verdict(program: Programs) -> None:
    report = check_backend(program("whole.py"), size="minimal", profiles=["float64"])
    assert report.declined == ("float64: no gelu_tanh in float64",)


@pytest.mark.parametrize("name", ["bfloat16", "mixed-bfloat16", "mixed-float16"])
def test_every_tensor_travels_in_its_own_dtype(backend: ProcessBackend, name: str) -> None:
    """Narrow tokens beside float32 parameters, and float32 statistics beside narrow ones."""
    precision = PRECISIONS[name]
    layer = Layer.random(CONFIG, dtype=precision.parameters)
    x, dy = X.astype(precision.input), np.ones((2, 4, 3), precision.input)
    got, right = (b.forward(layer, x, training=True) for b in (backend, reference))
    found, wanted = (b.gradients(layer, x, dy) for b in (backend, reference))  # type: ignore[attr-defined]
    pairs = [(got.y, right.y), *((found[key], wanted[key]) for key in wanted)]
    pairs += [((got.state or {})[key], (right.state or {})[key]) for key in ("query_norm.mean", "query_norm.var")]
    for a, b in pairs:
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


def test_a_program_is_judged_in_mixed_precision(program: Programs) -> None:
    report = check_backend(program("whole.py"), size="minimal", profiles=["mixed-bfloat16"])
    assert report.exit_status == 0
    assert report.of("pass")
