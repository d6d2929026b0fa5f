"""The stages in plain operations of torch, which have derivatives of every order and in every mode.

They take memory for a row for each pair, [T, h·k, D], and for narrow tables as a whole in the compute dtype, in which
gradients are summed (PRC-2). The operators of the stages, which do not, have one derivative in backward mode. So these
formulas serve ``torch.func`` where it differentiates, forward mode, the backward pass of a backward pass, and other
exporters to ONNX than ``peerspec.export.torch``. Products of derivatives that ``torch.func`` takes follow the settings
of the program, such as autocast and TF32. The selection is a constant of all of them (GRD-1).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd import forward_ad

from peerspec.backends.torch.activations import activate
from peerspec.backends.torch.onnx_node import traced_for_onnx
from peerspec.backends.torch.precision import full_precision

__all__ = [
    "expert_stage",
    "gradients",
    "is_mapped",
    "needs_plain",
    "needs_plain_backward",
    "products",
    "query",
    "retrieve",
    "scores_of",
]


def needs_plain() -> bool:
    """Whether a transformation that differentiates or an exporter to ONNX calls, or forward mode is on."""
    if forward_ad._current_level >= 0 or traced_for_onnx():
        return True
    if torch.compiler.is_compiling():
        return False
    levels = torch._C._functorch.get_interpreter_stack() or ()
    return any(level.key() in _DERIVATIVES for level in levels)


def is_mapped() -> bool:
    """Whether ``vmap`` calls, so that values cannot be read."""
    levels = torch._C._functorch.get_interpreter_stack() or ()
    return any(level.key() == torch._C._functorch.TransformType.Vmap for level in levels)


def needs_plain_backward(upstream: Tensor) -> bool:
    """Whether gradients that a backward pass computes now are to be differentiated again, or are a batch of several."""
    if torch.compiler.is_compiling():
        return False
    return torch.is_grad_enabled() or torch._C._functorch.is_legacy_batchedtensor(upstream)


def query(x: Float[Tensor, "T D"], weight: Float[Tensor, "h d D"], bias: Tensor | None) -> Float[Tensor, "T h d"]:
    """QRY-1."""
    with full_precision(x.device.type):
        q = torch.einsum("td,hcd->thc", x, weight.to(x.dtype))
    return q if bias is None else q + bias.to(x.dtype)


def retrieve(
    q: Float[Tensor, "T h d"], keys: Float[Tensor, "H_k 2 n half"], k: int
) -> tuple[Float[Tensor, "T h k"], Int[Tensor, "T h k"]]:
    """Scores and ids of the k best experts, for ONNX, whose TopK lists equal values by position (SCO-1, SEL-1)."""
    n, half = keys.shape[2:]
    with full_precision(q.device.type):
        halves = [
            torch.einsum("thc,hnc->thn", part, keys[:, side].to(q.dtype).expand(q.shape[1], -1, -1))
            for side, part in ((0, q[..., :half]), (1, q[..., half:]))
        ]
    ranks = min(k, n)
    first, second = (scores.topk(ranks, dim=-1) for scores in halves)
    sums = (first.values[..., None] + second.values[..., None, :]).flatten(-2)
    scores, at = sums.topk(k, dim=-1)
    return scores, first.indices.gather(-1, at // ranks) * n + second.indices.gather(-1, at % ranks)


def scores_of(
    q: Float[Tensor, "T h d"], keys: Float[Tensor, "H_k 2 n half"], ids: Int[Tensor, "T h k"]
) -> Float[Tensor, "T h k"]:
    """The scores of given experts: s1_i + s2_j with i, j = divmod(id, n) (SCO-1, SCO-4)."""
    key_heads, _, n, half = keys.shape
    head = torch.arange(q.shape[1], device=q.device)[:, None] if key_heads > 1 else 0
    with full_precision(q.device.type):
        first, second = (
            torch.einsum("thc,thkc->thk", part, keys.to(q.dtype)[head, side, sub_keys])
            for side, part, sub_keys in ((0, q[..., :half], ids // n), (1, q[..., half:], ids % n))
        )
    return first + second


def expert_stage(
    u: Tensor,
    v: Tensor,
    w: Tensor | None,
    x: Float[Tensor, "T D"],
    gates: Float[Tensor, "T hk"],
    ids: Int[Tensor, "T hk"],
    activation: str,
) -> Float[Tensor, "T M"]:
    """EXP-1, EXP-2, OUT-1."""
    with full_precision(x.device.type):
        inner = products(u, ids, x)
        value = activate(activation, inner if w is None else products(w, ids, x))
        if w is not None:
            value = value * inner
        return ((gates * value)[:, None] @ v.to(x.dtype)[ids]).squeeze(1)


def products(table: Tensor, ids: Int[Tensor, "T hk"], x: Float[Tensor, "T D"]) -> Float[Tensor, "T hk"]:
    """The inner product of each token with its rows; ONNX Runtime divides by zero in an Einsum of no token."""
    return (table.to(x.dtype)[ids] @ x[..., None]).squeeze(-1)


def gradients(
    function: Callable[..., Tensor], tensors: Sequence[Tensor | None], needed: Sequence[bool], upstream: Tensor
) -> list[Tensor | None]:
    """The gradients of Σ upstream · function(*tensors), with derivatives where these are on; None where not needed."""
    again = torch.is_grad_enabled()
    with full_precision(upstream.device.type), torch.enable_grad():
        # one tensor may stand in several places, each with a gradient of its own
        places = [t.view_as(t) if need and t is not None else t for t, need in zip(tensors, needed, strict=True)]
        wanted = [place for place, need in zip(places, needed, strict=True) if need and place is not None]
        found = iter(torch.autograd.grad(function(*places), wanted, upstream, create_graph=again))
    return [next(found) if need else None for need in needed]


_DERIVATIVES = (torch._C._functorch.TransformType.Grad, torch._C._functorch.TransformType.Jvp)
