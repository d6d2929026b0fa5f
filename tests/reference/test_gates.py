"""Gates: the softmax of the k scores of a head, or the logistic function of each score."""

from typing import Any

import numpy as np
import pytest
from scipy import special

from peerspec.reference.gates import gates, sigmoid, softmax

EXP, FUNCTION = 8, 16  # u that PRC-4 allows exp and the logistic function


def scores(dtype: Any) -> Any:
    return (np.random.default_rng(0).standard_normal((4, 3, 6)) * 5).astype(dtype)


def test_the_case_checked_by_hand_comes_out() -> None:
    assert softmax(np.array([3.0, 2.0])).round(6).tolist() == [0.731059, 0.268941]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_softmax_is_that_of_scipy_over_the_last_axis(dtype: Any) -> None:
    """Relative errors of either side: u of s − max, 8u twice for exp, ku for the sum, 4u for the division."""
    s, u = scores(dtype), np.finfo(dtype).eps / 2
    expected = special.softmax(s.astype(np.float64), -1)
    width = (s.max(-1) - s.min(-1)).max()
    limit = 2 * (2 * width + 2 * EXP + s.shape[-1] + 4) * u * expected
    assert softmax(s).dtype == dtype
    assert (abs(softmax(s) - expected) <= limit).all()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_softmax_gates_sum_to_one(dtype: Any) -> None:
    """The error is u for each of the k divisions, whose results are added in float64, and ku for the divisor."""
    s = scores(dtype)
    assert (abs(softmax(s).sum(-1, dtype=np.float64) - 1) <= 2 * s.shape[-1] * np.finfo(dtype).eps).all()


@pytest.mark.parametrize("kind", ["softmax", "sigmoid"])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_gates_of_the_greatest_finite_scores_are_finite(kind: str, dtype: Any) -> None:
    big = np.finfo(dtype).max
    with np.errstate(over="ignore"):  # max − (−max) is infinite, its exponential 0
        g = gates(kind, np.array([[big, big], [-big, -big], [big, -big], [0, 0]], dtype))
    assert g.dtype == dtype
    expected = {
        "softmax": [[0.5, 0.5], [0.5, 0.5], [1, 0], [0.5, 0.5]],
        "sigmoid": [[1, 1], [0, 0], [1, 0], [0.5, 0.5]],
    }
    assert g.tolist() == expected[kind]


def test_softmax_does_not_change_under_an_exact_shift() -> None:
    s = np.array([3.0, 1.0, -2.0])
    assert softmax(s + 2.0**20).tobytes() == softmax(s).tobytes()


def test_a_single_score_has_softmax_gate_exactly_one() -> None:
    assert (softmax(np.array([[-1e300], [0.0], [1e300]])) == 1).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sigmoid_is_the_logistic_function(dtype: Any) -> None:
    s = np.concatenate([np.linspace(-80, 80, 1001), [-0.0]]).astype(dtype)
    expected = special.expit(s.astype(np.float64))
    assert sigmoid(s).dtype == dtype
    assert (abs(sigmoid(s) - expected) <= 2 * FUNCTION * np.finfo(dtype).eps * expected).all()


def test_an_empty_batch_has_no_gates() -> None:
    assert softmax(np.zeros((0, 2, 3))).shape == (0, 2, 3)
    assert sigmoid(np.zeros((0, 2, 3))).shape == (0, 2, 3)
