"""Cases and bounds in mixed precision: those of float32, with x and dy rounded and results in their dtypes."""

from typing import Any

import numpy as np
import pytest

from peerspec.backends import reference
from peerspec.conformance.cases import LAYER_CASES
from peerspec.conformance.cases.layouts import layout
from peerspec.conformance.hosts.object_host import ObjectHost
from peerspec.conformance.inputs import rounded, significant_bits
from peerspec.conformance.trials.gradients import GradientTrial
from peerspec.conformance.trials.layer import Trial
from peerspec.reference import PRECISIONS, compute_dtype
from peerspec.reference.config import STATISTICS

MIXED = [precision for name, precision in PRECISIONS.items() if name.startswith("mixed-")]


def definition(name: str) -> Any:
    [found] = [case for case in LAYER_CASES if case.name == name]
    return found


@pytest.mark.parametrize("precision", MIXED, ids=lambda precision: precision.name)
@pytest.mark.parametrize("name", ["gradient.batch", "gradient.columns", "shape.strided", "exact.gradient"])
def test_a_case_is_that_of_float32_with_x_and_dy_rounded(name: str, precision: Any) -> None:
    got, wide = (definition(name).make(each, 3) for each in (precision, PRECISIONS["float32"]))
    assert {key: array.tobytes() for key, array in got.layer.params.items()} == {
        key: array.tobytes() for key, array in wide.layer.params.items()
    }
    for narrow, whole in ((got.x, wide.x), (got.dy, wide.dy)):
        if narrow is not None:
            assert narrow.dtype == precision.input
            assert layout(narrow) == layout(whole)
            np.testing.assert_array_equal(narrow, whole.astype(precision.input))


def test_ties_are_rounded_to_even() -> None:
    """1 + 2⁻⁸ lies between 1 and 1 + 2⁻⁷; 1 + 3·2⁻⁸ between 1 + 2⁻⁷ and 1 + 2⁻⁶."""
    ties = np.array([1 + 2.0**-8, 1 + 3 * 2.0**-8], np.float32)
    assert rounded(ties, PRECISIONS["bfloat16"].input).tolist() == [1.0, 1 + 2.0**-6]


@pytest.mark.parametrize("name", PRECISIONS)
def test_running_statistics_have_the_whole_significand_of_the_compute_dtype(name: str) -> None:
    """A backend that rounds them to a narrower dtype then shows it."""
    layer = definition("norm.inference").make(PRECISIONS[name], 0).layer
    bits = significant_bits(compute_dtype(layer.dtype))
    for statistic in STATISTICS:
        values = layer.params[statistic].astype(np.longdouble)
        assert layer.params[statistic].dtype == PRECISIONS[name].compute
        assert (values * 2.0 ** (bits - 2) % 1 != 0).any()


@pytest.mark.parametrize("precision", MIXED, ids=lambda precision: precision.name)
def test_y_and_the_gradient_of_x_are_bounded_as_narrow_and_other_gradients_as_wide(precision: Any) -> None:
    """The bound of a returned value holds its last rounding, which is the largest error of a narrow one."""
    case, host = definition("gradient.gelu").make(precision, 0), ObjectHost(reference, timeout=60.0)
    u_in = 2.0 ** -significant_bits(precision.input)
    y, gradients = Trial(case, host).y, GradientTrial(case, host).expected
    for bounded in (y, gradients["x"]):
        assert (bounded.error >= u_in * np.abs(bounded.value)).all()
    v = gradients["experts.v"]
    assert v.error.max() < u_in * np.abs(v.value).max()
