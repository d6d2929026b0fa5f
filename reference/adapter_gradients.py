"""Gradients of an adapter, for a constant selection (SPEC.md, ADP-5).

Each rank of each target is an expert with the activation identity, and all of them share the gates. So dg is the sum of
Σ_ρ (u_ρ·x)(v_ρ·dy) over the targets, and from dg on everything is as in a layer (GRD-8, B6 to B11).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Int, Shaped
from numpy.typing import DTypeLike

from peerspec.reference.adapter import Adapter, Base, adapt
from peerspec.reference.errors import InputError
from peerspec.reference.forward import flatten
from peerspec.reference.gradients import routing_backward
from peerspec.reference.rows import gather_dot, gather_sum, scatter_sum

__all__ = ["adapter_gradients"]


def adapter_gradients(
    adapter: Adapter,
    bases: Mapping[str, Base],
    x: Shaped[np.ndarray, "*lead D"],
    dy: Mapping[str, Shaped[np.ndarray, "*lead M"]],
    *,
    training: bool = True,
    dtype: DTypeLike = np.float64,
    indices: Int[np.ndarray, "*lead h k"] | None = None,
) -> dict[str, np.ndarray]:
    """The gradients of Σ_τ dy_τ·y_τ with respect to x and every learned parameter of the adapter; bases have none.

    Args:
        adapter, bases, x, training, dtype, indices: as for ``adapt``.
        dy: [..., M_τ] for each base.

    Raises:
        InputError: as ``adapt``, or dy of other targets or another shape.
    """
    out = adapt(adapter, bases, x, training=training, dtype=dtype, indices=indices)
    if dy.keys() != bases.keys() or any(dy[name].shape != y.shape for name, y in out.y.items()):
        raise InputError(f"dy must have the shape of y for each of {', '.join(bases)} (ADP-5)")
    config, router = adapter.config, adapter.routing_layer()
    tokens, mask, lead = flatten(router, x, None)
    tokens = tokens.astype(dtype)
    ids, gate = (part.reshape(-1, config.heads, config.top_k) for part in (out.indices, out.gates))
    dx, dgate = np.zeros_like(tokens), np.zeros_like(gate)
    grads: dict[str, np.ndarray] = {}
    for name in adapter.config.targets:
        grads |= {f"targets.{name}.{t}": np.zeros(adapter.params[f"targets.{name}.{t}"].shape, dtype) for t in "uv"}
    for name, base in bases.items():
        upstream = dy[name].reshape(len(tokens), len(base.weight)).astype(dtype)
        dx += upstream @ base.weight.astype(dtype)
        u, v = (adapter.params[f"targets.{name}.{table}"] for table in "uv")
        for rank in range(config.rank):
            inner, z = gather_dot(u[:, rank], ids, tokens), config.alpha * gather_dot(v[:, rank], ids, upstream)
            grads[f"targets.{name}.v"][:, rank] = scatter_sum(
                config.num_experts, ids, config.alpha * gate * inner, upstream
            )
            grads[f"targets.{name}.u"][:, rank] = scatter_sum(config.num_experts, ids, gate * z, tokens)
            dx += gather_sum(u[:, rank], ids, gate * z)
            dgate += inner * z
    dx += routing_backward(router, tokens, ids, gate, dgate, mask, grads, training=training)
    return grads | {"x": dx.reshape(*lead, config.d_model)}
