"""The expert stage and its gradients by token, on a GPU."""

from __future__ import annotations

from torch import Tensor

from peerspec.backends.gpu.launches import Stage, sum_parts
from peerspec.backends.torch.gpu.run import run

__all__ = ["expert_stage", "expert_stage_backward"]


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
    stage = Stage(tokens, pairs, u.shape[1], v.shape[1], w is not None, activation)
    y = x.new_empty(stage.parts, tokens, v.shape[1])
    products = x.new_empty(tokens, 1 if w is None else 2, pairs)
    given = (x.contiguous(), ids.contiguous(), gates.contiguous(), u, u if w is None else w, v)
    run(stage.forward(), *given, y, products)
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
    stage = Stage(tokens, pairs, u.shape[1], v.shape[1], w is not None, activation)
    dx = x.new_empty(stage.parts, tokens, u.shape[1] if needs_dx else 0)
    found = [gates.new_empty(tokens, pairs) for _ in range(3 if w is None else 4)]
    tables = (u, u if w is None else w, v)
    given = (ids.contiguous(), gates.contiguous(), *tables, dy.contiguous(), products.contiguous())
    run(stage.backward(needs_dx=needs_dx), *given, dx, *found[:3], found[-1])
    return [_summed(dx) if needs_dx else x.new_empty(0), *found]


def _summed(parts: Tensor) -> Tensor:
    """The sum of the parts [parts, T, width], in their order."""
    if len(parts) == 1:
        return parts[0]
    out = parts.new_empty(parts.shape[1:])
    run(sum_parts(len(parts), out.numel()), parts, out)
    return out
