"""The native core as operators of torch: on the CPU, where it was built and tables are contiguous.

Operators of ``torch.library`` keep their place in compiled graphs; memory is shared with the core, never copied.
Everything the core does has a twin of library operations, which serves everywhere else.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Float, Int
from torch import Tensor

from peerspec import native
from peerspec.backends.torch.arrays import to_array, to_tensor

__all__ = ["expert_stage", "expert_stage_backward", "is_supported", "library_operations", "select"]

_built = native.available()
_enabled = True


@contextmanager
def library_operations() -> Iterator[None]:
    """Inside the block no thread of the process uses the native core, as where it was not built."""
    global _enabled
    before, _enabled = _enabled, False
    try:
        yield
    finally:
        _enabled = before


def is_supported(device: torch.device, *tables: Tensor) -> bool:
    """Whether the core is there and wanted, and takes these: on the CPU, tables contiguous."""
    return _enabled and device.type == "cpu" and _built and all(table.is_contiguous() for table in tables)


def select(
    scores1: Float[Tensor, "R n"], scores2: Float[Tensor, "R n"], k: int
) -> tuple[Float[Tensor, "R k"], Int[Tensor, "R k"]]:
    """The selection, exactly (SEL-2): scores and ids; not differentiable."""
    scores, ids = _select(scores1, scores2, k)
    return scores, ids


def expert_stage(
    u: Float[Tensor, "N D"],
    v: Float[Tensor, "N M"],
    w: Float[Tensor, "N D"] | None,
    x: Float[Tensor, "T D"],
    ids: Int[Tensor, "T K"],
    gates: Float[Tensor, "T K"],
    activation: str,
) -> Float[Tensor, "T M"]:
    """The whole expert stage (EXP-1, EXP-2, OUT-1); not differentiable."""
    y: Tensor = _expert_stage(u, v, w, x, ids, gates, activation)
    return y


def expert_stage_backward(
    u: Float[Tensor, "N D"],
    v: Float[Tensor, "N M"],
    w: Float[Tensor, "N D"] | None,
    x: Float[Tensor, "T D"],
    ids: Int[Tensor, "T K"],
    gates: Float[Tensor, "T K"],
    dy: Float[Tensor, "T M"],
    activation: str,
) -> list[Tensor]:
    """The gradients of x and gates; and for u, v, and w if it is there, the weight of each pair in the gradient."""
    found: list[Tensor] = _expert_stage_backward(u, v, w, x, ids, gates, dy.contiguous(), activation)
    return found


@torch.library.custom_op(
    "peerspec::select",
    mutates_args=(),
    schema="(Tensor scores1, Tensor scores2, int k) -> (Tensor, Tensor)",
)
def _select(scores1: Tensor, scores2: Tensor, k: int) -> tuple[Tensor, Tensor]:
    found = native.select(to_array(scores1), to_array(scores2), k, threads=torch.get_num_threads())
    return to_tensor(found.scores), to_tensor(found.indices)


@_select.register_fake
def _(scores1: Tensor, scores2: Tensor, k: int) -> tuple[Tensor, Tensor]:
    shape = (*scores1.shape[:-1], k)
    return scores1.new_empty(shape), scores1.new_empty(shape, dtype=torch.int64)


@torch.library.custom_op(
    "peerspec::expert_stage",
    mutates_args=(),
    schema="(Tensor u, Tensor v, Tensor? w, Tensor x, Tensor ids, Tensor gates, str activation) -> Tensor",
)
def _expert_stage(
    u: Tensor, v: Tensor, w: Tensor | None, x: Tensor, ids: Tensor, gates: Tensor, activation: str
) -> Tensor:
    arrays = (to_array(tensor) for tensor in (x, ids, gates))
    return to_tensor(native.expert_stage(_tables(u, v, w, activation), *arrays, threads=torch.get_num_threads()))


@_expert_stage.register_fake
def _(u: Tensor, v: Tensor, w: Tensor | None, x: Tensor, ids: Tensor, gates: Tensor, activation: str) -> Tensor:
    return x.new_empty(x.shape[0], v.shape[1])


@torch.library.custom_op(
    "peerspec::expert_stage_backward",
    mutates_args=(),
    schema="(Tensor u, Tensor v, Tensor? w, Tensor x, Tensor ids, Tensor gates, Tensor dy, str activation) -> Tensor[]",
)
def _expert_stage_backward(
    u: Tensor, v: Tensor, w: Tensor | None, x: Tensor, ids: Tensor, gates: Tensor, dy: Tensor, activation: str
) -> list[Tensor]:
    arrays = (to_array(tensor) for tensor in (x, ids, gates, dy))
    found = native.expert_stage_backward(_tables(u, v, w, activation), *arrays, threads=torch.get_num_threads())
    return [to_tensor(array) for array in (found.dx, found.dgates, *found.weights.values())]


@_expert_stage_backward.register_fake
def _(
    u: Tensor, v: Tensor, w: Tensor | None, x: Tensor, ids: Tensor, gates: Tensor, dy: Tensor, activation: str
) -> list[Tensor]:
    return [torch.empty_like(x), *(torch.empty_like(gates) for _ in range(3 if w is None else 4))]


def _tables(u: Tensor, v: Tensor, w: Tensor | None, activation: str) -> native.ExpertTables:
    return native.ExpertTables(to_array(u), to_array(v), None if w is None else to_array(w), activation)
