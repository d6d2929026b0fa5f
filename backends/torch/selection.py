"""Selection: the first k experts under the selection order, exactly (SPEC.md, SEL-1 … SEL-7)."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from peerspec import native
from peerspec.backends.torch.arrays import COMPUTE_DTYPES, to_array, to_tensor
from peerspec.backends.torch.folding import fold_batches
from peerspec.backends.torch.gpu.limits import fits_selection
from peerspec.backends.torch.kernels import OnGPU, register_kernels
from peerspec.backends.torch.stable_topk import Ranked, stable_topk
from peerspec.reference import InputError
from peerspec.reference.selection import staircase_cells

__all__ = ["Selection", "select", "select_ranked"]


class Selection(NamedTuple):
    """The k experts of each head, best first: scores [..., k] and expert ids, int64 [..., k]."""

    scores: Tensor
    indices: Tensor


def select(scores1: Float[Tensor, "*lead n"], scores2: Float[Tensor, "*lead n"], k: int) -> Selection:
    """The k best experts of half scores, by the staircase of ranks; scores are differentiable.

    Args:
        scores1, scores2: half scores [..., n] of one dtype.
        k: the number of experts.

    Raises:
        InputError: half scores of different shapes or dtypes, or k outside 1..n² (SCO-1, SCO-4, CFG-3).

    Example:
        >>> scores, ids = select(torch.tensor([1.0, 0.0, -1.0]), torch.tensor([0.5, -0.5, 2.0]), 2)
        >>> scores.tolist(), ids.tolist()
        ([3.0, 2.0], [2, 5])
    """
    n = _check(scores1, scores2, k)
    lead = scores1.shape[:-1]
    scores, ids = _select(scores1.reshape(-1, n), scores2.reshape(-1, n), k)
    return Selection(scores.view(*lead, k), ids.view(*lead, k))


def _by_library(scores1: Tensor, scores2: Tensor, k: int) -> tuple[Tensor, Tensor]:
    n = scores1.shape[-1]
    ranks = min(k, n)
    found = select_ranked(stable_topk(scores1, ranks), stable_topk(scores2, ranks), n, k)
    return found.scores.contiguous(), found.indices.contiguous()


def _by_core(scores1: Tensor, scores2: Tensor, k: int) -> tuple[Tensor, Tensor]:
    if scores1.dtype not in COMPUTE_DTYPES.values():  # which the core does not have
        return _by_library(scores1, scores2, k)
    found = native.select(to_array(scores1), to_array(scores2), k, threads=torch.get_num_threads())
    return to_tensor(found.scores), to_tensor(found.indices)


def _by_gpu(scores1: Tensor, scores2: Tensor, k: int) -> tuple[Tensor, Tensor]:
    from peerspec.backends.torch.gpu.retrieval import select

    return select(scores1, scores2, k)


_select = torch.library.custom_op(
    "peerspec::select",
    _by_library,
    mutates_args=(),
    schema="(Tensor scores1, Tensor scores2, int k) -> (Tensor scores, Tensor ids)",
)
register_kernels(_select, core=_by_core, library=_by_library, gpu=OnGPU(_by_gpu, fits_selection))
fold_batches(_select, tokens=(0, 1))


@_select.register_fake
def _(scores1: Tensor, scores2: Tensor, k: int) -> tuple[Tensor, Tensor]:
    shape = (*scores1.shape[:-1], k)
    return scores1.new_empty(shape), scores1.new_empty(shape, dtype=torch.int64)


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    ctx.n = inputs[0].shape[-1]
    ctx.save_for_backward(output[1])
    ctx.mark_non_differentiable(output[1])


def _backward(ctx: Any, dscores: Tensor, _: Tensor | None) -> tuple[Tensor | None, ...]:
    (ids,) = ctx.saved_tensors
    return _scattered(dscores, ids // ctx.n, ctx.n), _scattered(dscores, ids % ctx.n, ctx.n), None


_select.register_autograd(_backward, setup_context=_setup_context)


def _scattered(d: Float[Tensor, "R k"], positions: Int[Tensor, "R k"], n: int) -> Float[Tensor, "R n"]:
    """The gradient of picking scores, without atomics, which would add in any order on CUDA (IND-3)."""
    out = d.new_zeros(len(d), n)
    for column in range(positions.shape[-1]):  # the positions of one column lie in different rows
        one = slice(column, column + 1)
        out.scatter_add_(-1, positions[:, one], d[:, one])
    return out


def select_ranked(best1: Ranked, best2: Ranked, n: int, k: int) -> Selection:
    """The k best sums [R, k] of the min(k, n) best of each half, over the ranks (a, b) with (a+1)(b+1) ≤ k."""
    a, b = (torch.from_numpy(cells).to(best1.values.device) for cells in _staircase(k, n))
    sums = best1.values.index_select(-1, a) + best2.values.index_select(-1, b)
    scores, cells = stable_topk(sums, k)
    i, j = (best.positions.gather(-1, rank[cells]) for best, rank in ((best1, a), (best2, b)))
    return Selection(scores, i * n + j)


@cache
def _staircase(k: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    return staircase_cells(k, n)


def _check(scores1: Tensor, scores2: Tensor, k: int) -> int:
    if scores1.shape != scores2.shape or scores1.ndim < 1 or scores1.shape[-1] < 1:
        raise InputError(
            "both half scores must have one shape [..., n], "
            f"got {tuple(scores1.shape)} and {tuple(scores2.shape)} (SCO-1)"
        )
    if scores1.dtype != scores2.dtype:
        raise InputError(f"both half scores must have one dtype, got {scores1.dtype} and {scores2.dtype} (SCO-4)")
    n: int = scores1.shape[-1]
    if not 1 <= k <= n * n:
        raise InputError(f"k must lie in 1..N = 1..{n * n}, got {k} (CFG-3)")
    return n
