"""The history of usage keeps rows at equal distances, and no more than it has room for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from peerspec.reference import InputError, UsageHistory


@given(st.integers(2, 9), st.integers(0, 100))
def test_rows_are_the_first_call_and_every_further_one_at_the_smallest_distance_that_fits(capacity, calls):
    history = UsageHistory(capacity)
    for step in range(calls):
        history.add(step, usage=step / 100, unevenness=-step)
    distance = 1
    while len(range(0, calls, distance)) > capacity:
        distance *= 2
    kept = range(0, calls, distance)
    assert history.rows().tolist() == [[step, step / 100, -step] for step in kept]
    assert np.isnan(history.table[len(kept) :]).all()
    assert history.table.shape == (capacity, 3)


def test_rows_are_a_copy():
    history = UsageHistory(2)
    history.add(1, usage=0.5, unevenness=0.1)
    history.rows()[:] = 0
    assert history.rows().tolist() == [[1, 0.5, 0.1]]


@pytest.mark.parametrize("capacity", [-1, 0, 1])
def test_a_history_without_room_is_refused(capacity):
    with pytest.raises(InputError, match=f"room for at least 2 rows, got {capacity}; omit it, or make it larger"):
        UsageHistory(capacity)
