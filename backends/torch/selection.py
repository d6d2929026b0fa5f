"""Selection: the first k experts under the selection order, exactly (SPEC.md, SEL-1 … SEL-5)."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

from peerspec.backends.torch import native
from peerspec.backends.torch.arrays import COMPUTE_DTYPES
from peerspec.backends.torch.autograd import apply
from peerspec.backends.torch.stable_topk import Ranked, stable_topk
from peerspec.reference import InputError
from peerspec.reference.selection import staircase_cells

__all__ = ["Selection", "select", "select_ranked"]


class Selection(NamedTuple):
    """The k experts of each head, best first: scores [..., k] and expert ids, int64 [..., k]."""

    scores: Tensor
    indices: Tensor


def select(scores1: Float[Tensor, "*lead n"], scores2: Float[Tensor, "*lead n"], k: int) -> Selection:
    """The k best experts of half scores, by the staircase of ranks; differentiable in the scores.

    Raises:
        InputError: half scores of different shapes or dtypes, or k outside 1..n².
    """
    n = _check(scores1, scores2, k)
    lead = scores1.shape[:-1]
    scores1, scores2 = scores1.reshape(-1, n), scores2.reshape(-1, n)
    total, ids = _select(scores1.detach(), scores2.detach(), k)
    if torch.is_grad_enabled():
        total = _pick(scores1, ids // n) + _pick(scores2, ids % n)
    return Selection(total.view(*lead, k), ids.view(*lead, k))


@torch.no_grad()
def _select(scores1: Tensor, scores2: Tensor, k: int) -> Selection:
    if scores1.dtype in COMPUTE_DTYPES.values() and native.is_supported(scores1.device):
        return Selection(*native.select(scores1, scores2, k))
    n = scores1.shape[-1]
    kept = min(k, n)
    return select_ranked(stable_topk(scores1, kept), stable_topk(scores2, kept), n, k)


def select_ranked(best1: Ranked, best2: Ranked, n: int, k: int) -> Selection:
    """The k best sums, [R, k], of the min(k, n) best of each half: over the cells (a, b) with (a+1)(b+1) ≤ k."""
    a, b = (torch.from_numpy(cells).to(best1.values.device) for cells in _staircase(k, n))
    sums = best1.values.index_select(-1, a) + best2.values.index_select(-1, b)
    scores, cells = stable_topk(sums, k)
    i, j = (best.positions.gather(-1, rank[cells]) for best, rank in ((best1, a), (best2, b)))
    return Selection(scores, i * n + j)


@cache
def _staircase(k: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    return staircase_cells(k, n)


def _pick(scores: Float[Tensor, "R n"], positions: Int[Tensor, "R k"]) -> Float[Tensor, "R k"]:
    return apply(_Pick, scores, positions)


class _Pick(torch.autograd.Function):
    # gather's own backward adds the k contributions of a row with atomics, in any order, on CUDA (IND-3)

    @staticmethod
    def forward(scores: Tensor, positions: Tensor) -> Tensor:
        return scores.gather(-1, positions)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(inputs[1])
        ctx.shape = inputs[0].shape

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d: Tensor) -> tuple[Tensor, None]:
        (positions,) = ctx.saved_tensors
        out = d.new_zeros(ctx.shape)
        for column in range(positions.shape[-1]):  # within one column no two write to one place
            one = slice(column, column + 1)
            out.scatter_add_(-1, positions[:, one], d[:, one])
        return out, None


def _check(scores1: Tensor, scores2: Tensor, k: int) -> int:
    if scores1.shape != scores2.shape or scores1.ndim < 1 or scores1.shape[-1] < 1:
        raise InputError(
            "both half scores must have one shape [..., n], "
            f"got {tuple(scores1.shape)} and {tuple(scores2.shape)} (SCO-1)"
        )
    if scores1.dtype != scores2.dtype:
        raise InputError(f"both half scores must have one dtype, got {scores1.dtype} and {scores2.dtype} (SCO-2)")
    n: int = scores1.shape[-1]
    if not 1 <= k <= n * n:
        raise InputError(f"k must lie in 1..N = 1..{n * n}, got {k} (CFG-3)")
    return n
