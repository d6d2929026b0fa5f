"""Activations, compared with the special functions of SciPy, and derivatives, compared with finite differences."""

import math
from typing import Any

import numpy as np
import pytest
from scipy import special

from peerspec.reference.activations import activate, activate_derivative
from peerspec.reference.config import ACTIVATIONS

U = 2.0**-53
FUNCTION = 16  # ulps, in u, that PRC-4 allows erf, tanh and the logistic function; two sides are compared
A = np.concatenate([np.linspace(-30, 30, 4001), [-0.0, 1e-300, -1e-300, 5e-324, 1e-8, 1e3, -1e3]])


def test_gelu_is_a_times_the_normal_distribution_function() -> None:
    """Φ has condition |aφ(a)/Φ(a)| ≤ 1 + a² (Mills), which the rounding of a/√2, 2u on either side, meets."""
    expected = A * special.ndtr(A)
    limit = (2 * FUNCTION + 4 * (1 + A * A)) * U * abs(expected) + np.finfo(float).tiny
    assert (abs(activate("gelu", A) - expected) <= limit).all()


def test_gelu_is_its_form_with_erf() -> None:
    """The two differ by cancellation in 1 + erf, at most u times the terms."""
    expected = 0.5 * A * (1 + special.erf(A / math.sqrt(2)))
    assert (abs(activate("gelu", A) - expected) <= 2 * FUNCTION * U * abs(A)).all()


def test_gelu_and_gelu_tanh_differ_by_the_stated_distance() -> None:
    fine = np.linspace(2, 3.5, 100_001)
    distance = abs(activate("gelu", fine) - activate("gelu_tanh", fine))
    assert 4.73e-4 <= distance.max() < 4.74e-4
    assert abs(fine[distance.argmax()] - 2.70) < 0.005


def test_gelu_tanh_is_a_times_the_logistic_function_of_twice_the_inner_cubic() -> None:
    inner = math.sqrt(2 / math.pi) * (A + 0.044715 * A**3)
    # tanh is off by 16u; its argument by at most 8 roundings, which move it by |z|(1 − tanh² z) < 1/2 each
    assert (abs(activate("gelu_tanh", A) - A * special.expit(2 * inner)) <= 2 * (FUNCTION + 8) * U * abs(A)).all()


def test_silu_is_a_times_the_logistic_function() -> None:
    """The condition of exp(−|a|) is |a|; the argument is exact here, so only the functions' own errors remain."""
    expected = A * special.expit(A)
    assert (abs(activate("silu", A) - expected) <= 2 * FUNCTION * U * abs(expected) + np.finfo(float).tiny).all()


def test_relu_and_identity_are_exact() -> None:
    assert activate("relu", np.array([-1.5, -0.0, 0.0, 2.5])).tolist() == [0, 0, 0, 2.5]
    assert (activate("identity", A) == A).all()


@pytest.mark.parametrize("kind", ACTIVATIONS)
def test_every_derivative_is_the_limit_of_differences(kind: str) -> None:
    """Error of a central difference: below R = |D(2t) − D(t)| by truncation, plus two roundings of σ over t."""
    a, t = np.linspace(-8, 8, 2001) + 1e-3, 2.0**-15
    near, far = ((activate(kind, a + s) - activate(kind, a - s)) / (2 * s) for s in (t, 2 * t))
    limit = abs(far - near) + 2 * (FUNCTION + 8) * U * (1 + abs(a)) / t
    assert (abs(activate_derivative(kind, a) - near) <= limit).all()
    assert limit.max() < 1e-7


def test_the_derivative_of_relu_at_zero_is_zero() -> None:
    assert activate_derivative("relu", np.array([-1.0, -0.0, 0.0, 5e-324])).tolist() == [0, 0, 0, 1]


@pytest.mark.parametrize("function", [activate, activate_derivative])
@pytest.mark.parametrize("kind", ACTIVATIONS)
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_narrow_dtypes_are_evaluated_in_float64_and_rounded_once(function: Any, kind: str, dtype: Any) -> None:
    a = A[abs(A) < 100].astype(dtype)
    got = function(kind, a)
    assert got.dtype == dtype
    assert (got == function(kind, a.astype(np.float64)).astype(dtype)).all()


@pytest.mark.parametrize("kind", ACTIVATIONS)
def test_nan_stays_nan_and_an_empty_array_empty(kind: str) -> None:
    assert np.isnan(activate(kind, np.array([np.nan]))).all()
    assert activate(kind, np.zeros((0, 3), np.float32)).shape == (0, 3)
    assert activate_derivative(kind, np.zeros((0, 3))).dtype == np.float64
