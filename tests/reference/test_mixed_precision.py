"""Mixed precision: narrow tokens beside float32 parameters, and the dtypes of the results (PAR-5, PRC-6)."""

from typing import Any

import numpy as np
import pytest

from peerspec.backends import reference
from peerspec.reference import DTYPES, PRECISIONS, InputError, forward
from peerspec.reference.config import STATISTICS

MIXED = [precision for name, precision in PRECISIONS.items() if name.startswith("mixed-")]


def tokens(dtype: Any, width: int = 5) -> Any:
    return np.random.default_rng(3).standard_normal((6, width)).astype(dtype)


@pytest.mark.parametrize("precision", MIXED, ids=lambda precision: precision.name)
def test_narrow_tokens_give_the_result_of_the_same_wide_tokens(make_layer: Any, precision: Any) -> None:
    layer, x = make_layer(precision.parameters), tokens(precision.input)
    narrow, wide = forward(layer, x), forward(layer, x.astype(np.float32))
    assert narrow.y.tobytes() == wide.y.tobytes()


@pytest.mark.parametrize("precision", MIXED, ids=lambda precision: precision.name)
def test_y_and_the_gradient_of_x_are_narrow_and_all_else_is_wide(make_layer: Any, precision: Any) -> None:
    layer = make_layer(precision.parameters, query_norm="batch", query_bias=True)
    x, dy = tokens(precision.input), tokens(precision.input, 7)
    out = reference.forward(layer, x, training=True)
    assert out.scores is not None
    assert out.gates is not None
    assert out.y.dtype == precision.input
    assert {part.dtype for part in (out.scores, out.gates, *(out.state or {}).values())} == {DTYPES["float32"]}
    found = {name: gradient.dtype for name, gradient in reference.gradients(layer, x, dy).items()}
    wanted = {name: DTYPES["float32"] for name in layer.params if name not in STATISTICS}
    assert found == wanted | {"x": precision.input}


@pytest.mark.parametrize("parameters", DTYPES)
@pytest.mark.parametrize("given", DTYPES)
def test_every_other_pair_of_dtypes_is_refused_in_one_sentence(make_layer: Any, parameters: str, given: str) -> None:
    layer, x = make_layer(DTYPES[parameters]), tokens(DTYPES[given])
    if parameters == given or (parameters == "float32" and given != "float64"):
        assert forward(layer, x).y.shape == (6, 7)
        return
    with pytest.raises(InputError, match=rf"^x must be .* for parameters of {parameters}, got {given}; .* \(PAR-5\)$"):
        forward(layer, x)
