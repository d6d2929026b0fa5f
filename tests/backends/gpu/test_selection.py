"""The selection kernel, interpreted: bit for bit the definition."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from ranks_kernel import ranks_kernel

from peerspec.backends.gpu.selection import selection_tiles
from peerspec.backends.torch.gpu.retrieval import retrieve, select
from peerspec.reference import select_two_stage
from peerspec.reference.selection import staircase_cells

KINDS = ("full", "ties", "near", "zeros", "falling", "sunken")
SIZES = [
    (64, 16),
    (100, 16),
    (8, 5),
    (3, 9),
    (1, 1),
    (2, 1),
    (33, 7),
    (256, 16),
    (16, 64),
    (128, 64),
    (7, 49),
    (1024, 16),
]


def half_scores(kind: str, shape: tuple[int, int], seed: int) -> NDArray[np.float32]:
    source = np.random.default_rng(seed)
    made = {
        "full": lambda: source.standard_normal(shape),
        "ties": lambda: source.integers(-3, 3, shape) / 2,
        "near": lambda: 1 + source.integers(0, 2, shape) * 2.0**-23,
        "zeros": lambda: np.where(source.random(shape) < 0.5, -0.0, 0.0),
        "falling": lambda: np.tile(-np.arange(shape[1]), (shape[0], 1)),
        "sunken": lambda: -(2.0**60) * (16 + source.integers(0, 4, shape)),
    }
    return made[kind]().astype(np.float32)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("n", "k"), SIZES)
def test_scores_and_ids_are_those_of_the_definition(n: int, k: int, kind: str) -> None:
    s1, s2 = (half_scores(kind, (3, n), seed) for seed in (0, 1))
    scores, ids = select(torch.from_numpy(s1), torch.from_numpy(s2), k)
    expected = select_two_stage(s1, s2, k)
    assert np.array_equal(ids.numpy(), expected.indices)
    assert np.array_equal(scores.numpy(), expected.scores)


@pytest.mark.parametrize("rows", [0, 1, 65])
def test_any_number_of_rows_is_taken(rows: int) -> None:
    s1, s2 = (half_scores("full", (rows, 24), seed) for seed in (0, 1))
    _, ids = select(torch.from_numpy(s1), torch.from_numpy(s2), 5)
    assert np.array_equal(ids.numpy(), select_two_stage(s1, s2, 5).indices)


def test_ids_lie_in_range_and_differ_where_half_scores_are_not_finite() -> None:
    halves = torch.from_numpy(half_scores("full", (4, 64), 0))
    halves[0], halves[1, 5], halves[2, 7], halves[3] = float("nan"), float("nan"), float("inf"), float("-inf")
    _, ids = select(halves, halves.clone(), 16)
    assert int(ids.min()) >= 0
    assert int(ids.max()) < 64 * 64
    assert [len(set(row.tolist())) for row in ids] == [16] * 4


@pytest.mark.parametrize("key_heads", [1, 3])
def test_the_layer_selects_among_the_sub_keys_of_each_head(key_heads: int) -> None:
    q, keys = torch.randint(-3, 4, (5, 3, 8)).float(), torch.randint(-3, 4, (key_heads, 2, 20, 4)).float()
    _, ids = retrieve(q, keys, 6)
    for head in range(3):
        own = keys[head if key_heads > 1 else 0]
        halves = [(q[:, head, part] @ own[side].T).numpy() for side, part in enumerate((slice(4), slice(4, 8)))]
        assert np.array_equal(ids[:, head].numpy(), select_two_stage(*halves, 6).indices)


def test_tiles_are_powers_of_two_that_hold_the_row_and_the_staircase() -> None:
    for n, k in [(n, k) for n in (1, 5, 64, 1000, 4096) for k in (1, 3, 16, 64) if k <= n * n]:
        tiles = selection_tiles(n, k)
        assert tiles.groups * tiles.members >= n
        assert tiles.groups >= tiles.ranks >= min(k, n)
        assert tiles.answers >= k
        assert tiles.cells >= max(tiles.count, tiles.answers)
        assert all(size & (size - 1) == 0 for size in (tiles.groups, tiles.members, tiles.ranks, tiles.cells))


@pytest.mark.parametrize(("n", "k"), [*SIZES, (5, 25), (4096, 63), (9, 64)])
def test_cells_have_the_ranks_of_the_staircase(n: int, k: int) -> None:
    tiles, staircase = selection_tiles(n, k), staircase_cells(k, n)
    found = torch.full((2, tiles.cells), -1, dtype=torch.int32)
    ranks_kernel[(1,)](found, n, k, tiles.ranks, tiles.count, tiles.cells)
    assert np.array_equal(found[:, : tiles.count].numpy(), np.stack(staircase))
    assert not found[:, tiles.count :].any()
