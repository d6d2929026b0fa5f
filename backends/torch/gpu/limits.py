"""What the Triton kernels take; all else is computed by library operations."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from peerspec.backends.gpu.limits import MOST_FEATURES, MOST_PAIRS, MOST_RANKS, MOST_SELECTED, MOST_SUB_KEYS
from peerspec.backends.torch.arrays import COMPUTE_DTYPES

__all__ = [
    "fits_dense",
    "fits_experts",
    "fits_query",
    "fits_retrieval",
    "fits_router",
    "fits_selection",
    "fits_sorting",
    "fits_sums",
    "fits_update",
]


def fits_query(x: Tensor, weight: Tensor, bias: Tensor | None, narrow: bool = False) -> bool:
    """Whether tensor cores make the products of these tokens and this weight exactly, with float32 sums."""
    if not narrow or not x.numel():
        return False
    narrow_sums = getattr(torch.backends.cuda.matmul, "allow_fp16_accumulation", False)
    return weight.dtype == torch.bfloat16 or (weight.dtype == torch.float16 and not narrow_sums)


def fits_selection(scores1: Tensor, scores2: Tensor, k: int) -> bool:
    """Whether ``select_kernel`` takes these half scores."""
    return scores1.dtype == torch.float32 and _ranks_fit(scores1.shape[-1], k)


def fits_retrieval(q: Tensor, keys: Tensor, k: int) -> bool:
    """Whether ``select_kernel`` takes the half scores of these queries."""
    return q.dtype == torch.float32 and _ranks_fit(keys.shape[2], k)


def fits_router(q: Tensor, keys: Tensor, ids: Tensor, dscores: Tensor) -> bool:
    """Whether the kernels of the gradients of queries and sub-keys take these."""
    sub_keys = ids.shape[-1] * keys.shape[-1]
    return q.dtype == torch.float32 and sub_keys <= MOST_SELECTED and 2 * ids.numel() < MOST_PAIRS


def fits_experts(u: Tensor, v: Tensor, w: Tensor | None, x: Tensor, ids: Tensor, *_: Any) -> bool:
    """Whether the kernels of the expert stage take these tables."""
    return _table_fits(u) and _table_fits(v) and x.dtype == torch.float32 and ids.numel() < MOST_PAIRS


def fits_sorting(ids: Tensor, num_rows: int) -> bool:
    """Whether the kernels that sort pairs take these ids."""
    return 0 < ids.numel() < MOST_PAIRS and num_rows < MOST_PAIRS


def fits_sums(rows: Tensor, order: Tensor, starts: Tensor, places: Tensor, weights: Tensor, x: Tensor) -> bool:
    """Whether ``scatter_sum_kernel`` takes these pairs, which then were sorted on the device."""
    return len(places) > 0 and x.dtype == torch.float32 and x.shape[1] <= MOST_FEATURES


def fits_dense(table: Tensor, *pairs: Tensor) -> bool:
    """Whether ``scatter_sum_kernel`` writes the gradient of this table."""
    return _table_fits(table) and fits_sums(*pairs)


def fits_update(table: Tensor, *operands: Any) -> bool:
    """Whether ``scatter_sum_kernel`` updates this table: its gradient comes as factors, sorted on the device."""
    factors = next(each for each in operands if isinstance(each, list))
    return _table_fits(table) and len(factors) == 4 and len(factors[3]) > 0


def _table_fits(table: Tensor) -> bool:
    return COMPUTE_DTYPES[table.dtype] == torch.float32 and table.shape[1] <= MOST_FEATURES


def _ranks_fit(n: int, k: int) -> bool:
    return n <= MOST_SUB_KEYS and k <= MOST_RANKS
