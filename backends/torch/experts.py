"""The expert stage: single-neuron networks from one shared pool, and their weighted sum (SPEC.md, chapter 4)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from peerspec import native
from peerspec.backends.torch import plain
from peerspec.backends.torch.activations import activate, activate_backward
from peerspec.backends.torch.arrays import to_array, to_tensor
from peerspec.backends.torch.folding import fold_batches
from peerspec.backends.torch.gpu.limits import fits_experts
from peerspec.backends.torch.in_backward import UpdateError, tables_with_receiver, wanted_tables
from peerspec.backends.torch.kernels import OnGPU, register_kernels
from peerspec.backends.torch.rows import gather_dot, gather_sum
from peerspec.backends.torch.table_gradients import table_gradients
from peerspec.reference import PeerConfig

__all__ = ["backward_of_stage", "expert_stage", "stage_factors", "stage_with_products", "values_of"]


def expert_stage(
    config: PeerConfig,
    params: Mapping[str, Tensor],
    x: Float[Tensor, "T D"],
    ids: Int[Tensor, "T hk"],
    gates: Float[Tensor, "T hk"],
    *,
    sparse_gradients: bool = False,
) -> Float[Tensor, "T M"]:
    """y_t = Σ over the pairs of t of gate · expert(x_t), no 1/h, no projection (EXP-1, EXP-2, OUT-1).

    ``sparse_gradients`` makes the gradients of the tables sparse.
    """
    tables = params["experts.u"], params["experts.v"], params.get("experts.w")
    if plain.needs_plain():
        return plain.expert_stage(*tables, x, gates, ids, config.activation)
    y: Tensor = _expert_stage(*tables, x, ids, gates, config.activation, sparse_gradients)[0]
    return y


def stage_with_products(
    tables: tuple[Tensor, Tensor, Tensor | None], x: Tensor, ids: Tensor, gates: Tensor, activation: str
) -> tuple[Tensor, Tensor]:
    """y, and what ``backward_of_stage`` takes as ``products``; without a derivative."""
    y, products = _expert_stage(*tables, x, ids, gates, activation)
    return y, products


def backward_of_stage(
    tables: tuple[Tensor, Tensor, Tensor | None],
    x: Tensor,
    ids: Tensor,
    gates: Tensor,
    products: Tensor,
    dy: Tensor,
    activation: str,
) -> list[Tensor]:
    """dx [T, D], dgates [T, K], and for u, v and w the weight [T, K] of each pair in the gradient of its row."""
    found: list[Tensor] = _expert_stage_backward(*tables, x, ids, gates, products, dy, activation, True)
    return found


def values_of(products: Tensor, activation: str) -> Tensor:
    """The factor of v [T, K] of each expert, from u·x [T, 1, K], or u·x and w·x [T, 2, K] (EXP-1, EXP-2)."""
    activated = activate(activation, products[:, -1])
    return activated if products.shape[1] == 1 else activated * products[:, 0]


def stage_factors(products: Tensor, z: Tensor, gates: Tensor, activation: str) -> list[Tensor]:
    """dgates, and for u, v and w the weight of each pair in the gradient of its row, [T, K] each; z is v·dy."""
    activated, a, dz = activate(activation, products[:, -1]), products[:, 0], z * gates
    if products.shape[1] == 1:
        return [z * activated, activate_backward(activation, dz, a), gates * activated]
    output, dgating = activated * a, activate_backward(activation, dz * a, products[:, 1])
    return [z * output, dz * activated, gates * output, dgating]


def _by_library(
    u: Tensor,
    v: Tensor,
    w: Tensor | None,
    x: Tensor,
    ids: Tensor,
    gates: Tensor,
    activation: str,
    sparse_gradients: bool = False,
) -> tuple[Tensor, Tensor]:
    products = _products(u, w, x, ids)
    return gather_sum(v, ids, gates * values_of(products, activation)), products


def _products(u: Tensor, w: Tensor | None, x: Tensor, ids: Tensor) -> Tensor:
    """u·x [T, 1, K]; u·x and w·x [T, 2, K] where there is w."""
    products = gather_dot(u, ids, x)[:, None]
    return products if w is None else torch.cat([products, gather_dot(w, ids, x)[:, None]], 1)


def _by_core(
    u: Tensor,
    v: Tensor,
    w: Tensor | None,
    x: Tensor,
    ids: Tensor,
    gates: Tensor,
    activation: str,
    sparse_gradients: bool = False,
) -> tuple[Tensor, Tensor]:
    """y, and zeros for the products, which the backward pass computes again."""
    arrays = (to_array(tensor) for tensor in (x, ids, gates))
    y = native.expert_stage(_core_tables(u, v, w, activation), *arrays, threads=torch.get_num_threads())
    return to_tensor(y), x.new_zeros(len(ids), 1 if w is None else 2, ids.shape[1])


def _by_gpu(*arguments: Any) -> tuple[Tensor, Tensor]:
    from peerspec.backends.torch.gpu.experts import expert_stage

    return expert_stage(*arguments)


_expert_stage = torch.library.custom_op(
    "peerspec::expert_stage",
    _by_library,
    mutates_args=(),
    schema="(Tensor u, Tensor v, Tensor? w, Tensor x, Tensor ids, Tensor gates, str activation, "
    "bool sparse_gradients=False) -> (Tensor y, Tensor products)",
)
register_kernels(_expert_stage, core=_by_core, library=_by_library, gpu=OnGPU(_by_gpu, fits_experts), tables=(0, 1, 2))
fold_batches(_expert_stage, tokens=(3, 4, 5))


@_expert_stage.register_fake
def _(
    u: Tensor,
    v: Tensor,
    w: Tensor | None,
    x: Tensor,
    ids: Tensor,
    gates: Tensor,
    activation: str,
    sparse_gradients: bool = False,
) -> tuple[Tensor, Tensor]:
    return x.new_empty(x.shape[0], v.shape[1]), x.new_empty(ids.shape[0], 1 if w is None else 2, ids.shape[1])


def _backward_by_library(
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
    dgates, *weights = stage_factors(products, gather_dot(v, ids, dy), gates, activation)
    dx = gather_sum(u, ids, weights[0]) if needs_dx else x.new_empty(0)
    if needs_dx and w is not None:
        dx += gather_sum(w, ids, weights[2])
    return [dx, dgates, *weights]


def _backward_by_core(
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
    arrays = (to_array(tensor) for tensor in (x, ids, gates, dy))
    tables = _core_tables(u, v, w, activation)
    found = native.expert_stage_backward(tables, *arrays, threads=torch.get_num_threads())
    dx = to_tensor(found.dx) if needs_dx else x.new_empty(0)
    return [dx, *(to_tensor(array) for array in (found.dgates, *found.weights.values()))]


def _backward_after_the_core(
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
    """After a forward pass of the core, whose products are zeros, compute them first."""
    if products.device.type == "cpu" and not products.any():
        products = _products(u, w, x, ids)
    return _backward_by_library(u, v, w, x, ids, gates, products, dy, activation, needs_dx)


def _backward_by_gpu(*arguments: Any) -> list[Tensor]:
    from peerspec.backends.torch.gpu.experts import expert_stage_backward

    return expert_stage_backward(*arguments)


_expert_stage_backward = torch.library.custom_op(
    "peerspec::expert_stage_backward",
    _backward_by_library,
    mutates_args=(),
    schema="(Tensor u, Tensor v, Tensor? w, Tensor x, Tensor ids, Tensor gates, Tensor products, Tensor dy, "
    "str activation, bool needs_dx) -> Tensor[]",
)
register_kernels(
    _expert_stage_backward,
    core=_backward_by_core,
    library=_backward_after_the_core,
    gpu=OnGPU(_backward_by_gpu, fits_experts),
    tables=(0, 1, 2),
)


@_expert_stage_backward.register_fake
def _(
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
    dx = x.new_empty(x.shape if needs_dx else (0,))
    return [dx, *(gates.new_empty(gates.shape) for _ in range(3 if w is None else 4))]


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    *tensors, ctx.activation, ctx.sparse = inputs
    ctx.save_for_backward(*tensors, output[1])
    ctx.mark_non_differentiable(output[1])
    ctx.received = tables_with_receiver(tensors[:3])


def _backward(ctx: Any, dy: Tensor, _: Tensor | None) -> tuple[Tensor | None, ...]:
    u, v, w, x, ids, gates, products = ctx.saved_tensors
    needed = ctx.needs_input_grad
    if plain.needs_plain_backward(dy):
        if any(table is not None for table in ctx.received):
            raise UpdateError(
                "a backward pass with create_graph=True cannot update expert tables, because their gradients may be "
                "needed again; make the optimiser without in_backward"
            )
        of_ids = partial(plain.expert_stage, ids=ids, activation=ctx.activation)
        again = plain.gradients(of_ids, (u, v, w, x, gates), (*needed[:4], needed[5]), dy)
        return (*again[:4], None, again[4], None, None)
    received = [table for table in ctx.received if table is not None]
    if len({id(table) for table in received}) < len(received):
        raise UpdateError(
            "tables that are one tensor have one gradient, which is known after both uses; make the optimiser without "
            "in_backward"
        )
    # before the gradients of the tables, with which an optimiser may change the tables
    dx, dgates, *weights = _expert_stage_backward(u, v, w, x, ids, gates, products, dy, ctx.activation, needed[3])
    count = len(weights)
    wanted = wanted_tables(ctx.received, (u, v, w), needed[:3])[:count]
    found = table_gradients(wanted, ids, weights, [x, dy, x][:count], sparse=ctx.sparse)
    return *found, *[None] * (3 - count), dx if needed[3] else None, None, dgates, None, None


_expert_stage.register_autograd(_backward, setup_context=_setup_context)


def _core_tables(u: Tensor, v: Tensor, w: Tensor | None, activation: str) -> native.ExpertTables:
    return native.ExpertTables(to_array(u), to_array(v), None if w is None else to_array(w), activation)
