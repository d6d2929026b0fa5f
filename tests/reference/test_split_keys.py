"""The selections of parts of the sub-keys, merged under the selection order, are the selection (SHD-2)."""

from __future__ import annotations

import numpy as np
import pytest

from peerspec.reference import select_exhaustive


@pytest.mark.parametrize("side", ["i", "j"])
def test_merged_selections_of_parts_are_the_selection(side: str) -> None:
    """A thousand cases with many ties, also between different pairs of half scores, and zeros of both signs."""
    generator = np.random.default_rng(0)
    for _ in range(1000):
        n, parts = int(generator.integers(1, 12)), int(generator.integers(1, 6))
        k = int(generator.integers(1, n * n + 1))
        values = generator.choice([-1.0, -0.0, 0.0, 0.5, 1.0, 1.0 + 2.0**-23, 3.0], (2, n)).astype(np.float32)
        right = select_exhaustive(values[0], values[1], k)
        split = [part for part in np.array_split(np.arange(n), parts) if len(part)]
        found = np.concatenate([_selection(values, k, side, part, n) for part in split])
        assert np.array_equal(_first(values, found, k), right.indices)


def _selection(values: np.ndarray, k: int, side: str, part: np.ndarray, n: int) -> np.ndarray:
    """The ids of the first k of the pairs of a part of the sub-keys of one half."""
    other = np.arange(n)
    i, j = np.meshgrid(*((part, other) if side == "i" else (other, part)), indexing="ij")
    return _first(values, (i * n + j).ravel(), k)


def _first(values: np.ndarray, ids: np.ndarray, k: int) -> np.ndarray:
    """The first k of these ids under SEL-1."""
    i, j = np.divmod(ids, values.shape[1])
    s1, s2 = values[0][i], values[1][j]
    return ids[np.lexsort((j, -s2, i, -s1, -(s1 + s2)))][:k]
