"""The expert stage and its gradients by token, on a GPU."""

from __future__ import annotations

import triton
from torch import Tensor

from peerspec.backends.gpu.activations import ACTIVATIONS
from peerspec.backends.gpu.experts import expert_stage_backward_kernel, expert_stage_kernel, sum_parts_kernel
from peerspec.backends.gpu.settings import Launch, stage_launch

__all__ = ["expert_stage", "expert_stage_backward"]

_BLOCK = 1024


def expert_stage(
    u: Tensor,
    v: Tensor,
    w: Tensor | None,
    x: Tensor,
    ids: Tensor,
    gates: Tensor,
    activation: str,
    sparse_gradients: bool = False,
) -> tuple[Tensor, Tensor]:
    """y [T, M], and the products u·x and w·x [T, 1 or 2, K]."""
    tokens, pairs = ids.shape
    launch = stage_launch(max(u.shape[1], v.shape[1]), tokens, pairs)
    parts = -(-pairs // launch.per)
    y = x.new_empty(parts, tokens, v.shape[1])
    products = x.new_empty(tokens, 1 if w is None else 2, pairs)
    if tokens:
        arrays = (x.contiguous(), ids.contiguous(), gates.contiguous(), u, u if w is None else w, v, y, products)
        expert_stage_kernel[tokens, parts](
            *arrays, tokens, **_sizes(u, v, w, pairs, launch, activation), num_warps=launch.warps
        )
    return _summed(y), products


def expert_stage_backward(
    u: Tensor,
    v: Tensor,
    w: Tensor | None,
    x: Tensor,
    ids: Tensor,
    gates: Tensor,
    products: Tensor,
    dy: Tensor,
    activation: str,
    needs_dx: bool,
) -> list[Tensor]:
    """dx, dgates, and for u, v and w the weight of each pair in the gradient of its row; dx empty where not needed."""
    tokens, pairs = ids.shape
    launch = stage_launch(max(u.shape[1], v.shape[1]), tokens, pairs)
    parts = -(-pairs // launch.per)
    dx = x.new_empty(parts, tokens, u.shape[1] if needs_dx else 0)
    found = [gates.new_empty(tokens, pairs) for _ in range(3 if w is None else 4)]
    if tokens:
        tables = (u, u if w is None else w, v)
        given = (ids.contiguous(), gates.contiguous(), *tables, dy.contiguous(), products.contiguous())
        expert_stage_backward_kernel[tokens, parts](
            *given,
            dx,
            *found[:3],
            found[-1],
            tokens,
            **_sizes(u, v, w, pairs, launch, activation),
            NEEDS_DX=needs_dx,
            num_warps=launch.warps,
        )
    return [_summed(dx) if needs_dx else x.new_empty(0), *found]


def _sizes(u: Tensor, v: Tensor, w: Tensor | None, pairs: int, launch: Launch, activation: str) -> dict[str, object]:
    return {
        "K": pairs,
        "D": u.shape[1],
        "M": v.shape[1],
        "WIDTH_D": triton.next_power_of_2(u.shape[1]),
        "WIDTH_M": triton.next_power_of_2(v.shape[1]),
        "EXPERTS": launch.rows,
        "PER": launch.per,
        "ACTIVATION": ACTIVATIONS[activation],
        "GLU": w is not None,
    }


def _summed(parts: Tensor) -> Tensor:
    """The sum of the parts [parts, T, width], in their order."""
    if len(parts) == 1:
        return parts[0]
    out = parts.new_empty(parts.shape[1:])
    if count := out.numel():
        sum_parts_kernel[(-(-count // _BLOCK),)](parts, out, count, PARTS=len(parts), BLOCK=_BLOCK)
    return out
