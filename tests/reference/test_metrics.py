"""Usage and unevenness, compared with counts one by one."""

import math
from collections import Counter

import ml_dtypes
import numpy as np
import pytest

from peerspec.reference import expert_usage, unevenness, unevenness_of_sums, usage_of_counts


def test_usage_is_the_fraction_of_experts_selected() -> None:
    assert expert_usage(np.array([[[0, 3], [3, 3]]]), 4) == 0.5
    assert expert_usage(np.arange(9).reshape(3, 3), 9) == 1.0
    assert expert_usage(np.zeros((0, 2, 3), np.int64), 9) == 0.0


def test_unevenness_is_log_n_plus_sum_of_z_log_z() -> None:
    """Sums of 120 gates, 16 logarithms and their sum: under 200 roundings of terms that sum below 4."""
    rng = np.random.default_rng(0)
    ids, gates = rng.integers(0, 12, (10, 3, 4)), rng.random((10, 3, 4))
    total: Counter[int] = Counter()
    for e, g in zip(ids.ravel(), gates.ravel(), strict=True):
        total[int(e)] += float(g)
    mass = sum(total.values())
    expected = math.log(16) + sum(t / mass * math.log(t / mass) for t in total.values())
    assert abs(unevenness(ids, gates, 16) - expected) <= 200 * 2.0**-53 * 4


@pytest.mark.parametrize("gate", [0.125, 1.0])
def test_equal_use_has_unevenness_zero_and_a_single_expert_log_n(gate: float) -> None:
    """z is exact for a power of two; log N cancels to its rounding."""
    ids = np.arange(16).reshape(2, 2, 4)
    assert abs(unevenness(ids, np.full(ids.shape, gate), 16)) <= 4 * 2.0**-53 * math.log(16)
    assert unevenness(0 * ids, np.full(ids.shape, gate), 16) == math.log(16)


def test_unevenness_sums_gates_and_not_counts() -> None:
    ids = np.array([0, 0, 1])
    assert abs(unevenness(ids, np.array([0.25, 0.25, 0.5]), 2)) <= 4 * 2.0**-53


def test_experts_with_gate_zero_count_as_used_and_add_nothing() -> None:
    ids, gates = np.array([0, 1]), np.array([1.0, 0.0])
    assert expert_usage(ids, 2) == 1.0
    assert unevenness(ids, gates, 2) == math.log(2)


@pytest.mark.parametrize("shape", [(0, 2, 3), (4, 2, 3)])
def test_without_any_gate_unevenness_is_nan(shape: tuple[int, ...]) -> None:
    """MET-3: z is 0/0; the gates of a sigmoid may all be 0."""
    assert math.isnan(unevenness(np.zeros(shape, np.int64), np.zeros(shape), 9))


@pytest.mark.parametrize("dtype", [np.float32, np.float16, ml_dtypes.bfloat16])
def test_gates_accumulate_in_float64(dtype: type) -> None:
    """In a narrow dtype the sum of 5000 gates of 1 would round away a gate of 2⁻¹⁰."""
    ids, gates = np.array([0] * 5000 + [1]), np.array([1.0] * 5000 + [2.0**-10]).astype(dtype)
    assert unevenness(ids, gates, 2) == unevenness(ids, gates.astype(np.float64), 2) < math.log(2)


def test_counts_and_sums_give_the_figures_of_their_routing() -> None:
    rng = np.random.default_rng(0)
    ids, gates = rng.integers(0, 12, (10, 3, 4)), rng.random((10, 3, 4))
    assert usage_of_counts(np.bincount(ids.ravel(), minlength=16)) == expert_usage(ids, 16) < 1
    assert unevenness_of_sums(np.bincount(ids.ravel(), gates.ravel(), 16)) == unevenness(ids, gates, 16)
    assert math.isnan(unevenness_of_sums(np.zeros(16)))
