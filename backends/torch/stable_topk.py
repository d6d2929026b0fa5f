"""The k largest of each row, exactly: equal values by lower position, −0 equal to +0 (SPEC.md, SEL-1, SEL-4).

``torch.topk`` lists equal values in no particular order, so it is called for k + 1 values. Where they all differ, the
answer is unique. ``topk`` compares integers faster than floats, and the bits of positive floats are integers in the
same order, above those of all other floats. Rows with too few positive values are compared again as floats, and rows
with equal values are sorted stably.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

__all__ = ["Ranked", "stable_topk"]

GROUP = 8
"""Values in a group: √(n/k), which minimises n/8 maxima plus 8k candidates at n = 1024 and k = 16."""

_INTEGERS = {2: torch.int16, 4: torch.int32, 8: torch.int64}


class Ranked(NamedTuple):
    """The k largest of each row, best first, and their positions: [R, k]."""

    values: Tensor
    positions: Tensor


def stable_topk(scores: Float[Tensor, "R width"], k: int) -> Ranked:
    """The k largest of each row [R, width], 1 ≤ k ≤ width."""
    if k == scores.shape[-1]:
        return _found(scores, _by_sorting(scores, k))
    keys, positions = _leading(scores.view(_INTEGERS[scores.element_size()]), k)
    distinct = keys[:, 1:].clamp(min=0) < keys[:, :-1]
    if distinct.all():
        return Ranked(keys[:, :k].view(scores.dtype), positions)
    rows = ~distinct.all(-1)
    positions[rows] = _by_value(scores[rows], k)
    return _found(scores, positions)


def _found(scores: Float[Tensor, "R width"], positions: Int[Tensor, "R k"]) -> Ranked:
    return Ranked(scores.gather(-1, positions), positions)


def _by_value(scores: Float[Tensor, "R width"], k: int) -> Int[Tensor, "R k"]:
    values, positions = _leading(scores, k)
    rows = ~(values[:, 1:] < values[:, :-1]).all(-1)
    if rows.any():
        positions[rows] = _by_sorting(scores[rows], k)
    return positions


def _by_sorting(scores: Float[Tensor, "R width"], k: int) -> Int[Tensor, "R k"]:
    # one zero instead of two: a sort by bit patterns would rank +0 above −0 (SEL-4)
    scores = scores.masked_fill(scores == 0, 0)
    return scores.sort(dim=-1, descending=True, stable=True).indices[:, :k]


def _leading(keys: Shaped[Tensor, "R width"], k: int) -> tuple[Shaped[Tensor, "R k1"], Int[Tensor, "R k"]]:
    """The k + 1 largest, and the positions of the first k, which are right where the values differ.

    A long row is searched in groups: the k + 1 largest values lie in the k + 1 groups with the largest maxima, because
    a value of another group is at most the smallest of these maxima.
    """
    width = keys.shape[-1]
    if width % GROUP or width < 4 * GROUP * k:
        values, positions = keys.topk(k + 1, dim=-1)
        return values, positions[:, :k]
    # group g holds the positions g, g + count, …
    count = width // GROUP
    best = keys.view(-1, GROUP, count).amax(-2).topk(k + 1, dim=-1, sorted=False).indices
    first = torch.arange(0, width, count, device=keys.device)
    candidates = (best[:, None] + first[:, None]).flatten(1)
    values, ranks = keys.gather(-1, candidates).topk(k + 1, dim=-1)
    return values, candidates.gather(-1, ranks[:, :k])
