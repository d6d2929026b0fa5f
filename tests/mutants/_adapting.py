"""Adapters beside linear maps in NumPy; a mutant or a variant overrides one method."""

from __future__ import annotations

from typing import Any

import numpy as np

from peerspec import reference as spec
from peerspec.backends import reference
from peerspec.backends.protocol import LAYER_PROFILES
from peerspec.reference import Adapter, Base, compute_dtype
from peerspec.reference.gradients import routing_backward
from peerspec.reference.rows import scatter_sum

__all__ = ["AdaptingBackend"]

Array = Any


class AdaptingBackend:
    """Inner products with u, then the sum of weighted v, in float64; results are rounded once."""

    name = "NumPy adapters"
    profiles = LAYER_PROFILES | {"adapter"}
    forward = staticmethod(reference.forward)
    select = staticmethod(reference.select)
    gradients = staticmethod(reference.gradients)

    @classmethod
    def as_backend(cls) -> tuple[Any, ...]:
        """The names that make a module a backend: name, profiles, forward, select, gradients, and those of adapters."""
        b = cls()
        return b.name, b.profiles, b.forward, b.select, b.gradients, b.adapt, b.adapter_gradients

    # -- outputs

    def adapt(self, adapter: Adapter, bases: dict[str, Base], x: Array, *, training: bool = False) -> dict[str, Array]:
        out = self.route(adapter, x, training)
        wide = compute_dtype(adapter.params["keys"].dtype)
        found = {"indices": out.indices, "scores": out.scores.astype(wide), "gates": out.gates.astype(wide)}
        c = adapter.config
        ids, gate = (part.reshape(-1, c.heads, c.top_k) for part in (out.indices, out.gates))
        tokens = x.reshape(-1, c.d_model).astype(np.float64)
        self.start(adapter, bases)
        for target, base in bases.items():
            y = self.y(adapter, target, base, tokens, ids, gate)
            with np.errstate(over="ignore"):
                found[f"y.{target}"] = y.reshape(*x.shape[:-1], len(base.weight)).astype(x.dtype)
        return found

    def start(self, adapter: Adapter, bases: dict[str, Base]) -> None:
        """What is done once for each call."""

    def route(self, adapter: Adapter, x: Array, training: bool) -> Any:
        return spec.forward(adapter.routing_layer(), x, training=training)

    def y(self, adapter: Adapter, target: str, base: Base, x: Array, ids: Array, gate: Array) -> Array:
        return self.base(base, x) + self.change(adapter, target, x, ids, gate)

    def base(self, base: Base, x: Array) -> Array:
        y = x @ base.weight.astype(np.float64).T
        return y if base.bias is None else y + base.bias.astype(np.float64)

    def change(self, adapter: Adapter, target: str, x: Array, ids: Array, gate: Array) -> Array:
        """[T, M]."""
        u, v = self.rows(adapter, target, ids)
        return np.einsum("thkr,thkrm->tm", self.alpha(adapter) * gate[..., None] * self.inner(u, x), v)

    def alpha(self, adapter: Adapter) -> float:
        return adapter.config.alpha

    def rows(self, adapter: Adapter, target: str, ids: Array) -> tuple[Array, Array]:
        """[T, h, k, r, D] and [T, h, k, r, M]."""
        return tuple(adapter.params[f"targets.{target}.{table}"][ids].astype(np.float64) for table in "uv")

    def inner(self, rows: Array, tokens: Array) -> Array:
        """[T, h, k, r]."""
        return np.einsum("thkrd,td->thkr", rows, tokens)

    # -- gradients

    def adapter_gradients(
        self, adapter: Adapter, bases: dict[str, Base], x: Array, dy: dict[str, Array], *, training: bool = True
    ) -> dict[str, Array]:
        out = spec.forward(adapter.routing_layer(), x, training=training)
        c, tokens = adapter.config, x.reshape(-1, x.shape[-1]).astype(np.float64)
        ids, gate = (part.reshape(-1, c.heads, c.top_k) for part in (out.indices, out.gates))
        upstream = {name: part.reshape(-1, part.shape[-1]).astype(np.float64) for name, part in dy.items()}
        grads = {
            name: np.zeros(part.shape) for name, part in adapter.params.items() if name.startswith("targets.")
        }  # fmt: skip
        dx, dgate = np.zeros_like(tokens), np.zeros_like(gate)
        for target, base in bases.items():
            u, v = self.rows(adapter, target, ids)
            a, z = self.inner(u, tokens), self.inner(v, self.dy(upstream, target))
            for table, weights, other in (("u", z, tokens), ("v", a, upstream[target])):
                grads[f"targets.{target}.{table}"] = self.table(adapter, ids, gate, weights, other)
            dx += self.dx_of_base(base, upstream[target]) + self.dx_of_change(adapter, gate, z, u)
            dgate = self.dgate(adapter, dgate, a, z)
        ones = np.ones(len(tokens), bool)
        layer = adapter.routing_layer()
        dx += self.through(routing_backward(layer, tokens, ids, gate, dgate, ones, grads, training=training))
        return self.named(adapter, grads | {"x": dx.reshape(x.shape)}, x, bases)

    def dy(self, upstream: dict[str, Array], target: str) -> Array:
        """The upstream gradient of which z is made."""
        return upstream[target]

    def table(self, adapter: Adapter, ids: Array, gate: Array, weights: Array, other: Array) -> Array:
        scaled = self.alpha(adapter) * gate[..., None] * weights
        ranks = range(adapter.config.rank)
        return np.stack([scatter_sum(adapter.config.num_experts, ids, scaled[..., r], other) for r in ranks], 1)

    def dx_of_base(self, base: Base, dy: Array) -> Array:
        return dy @ base.weight.astype(np.float64)

    def dx_of_change(self, adapter: Adapter, gate: Array, z: Array, u: Array) -> Array:
        return np.einsum("thkr,thkrd->td", self.alpha(adapter) * gate[..., None] * z, u)

    def dgate(self, adapter: Adapter, before: Array, a: Array, z: Array) -> Array:
        """What the gates have of earlier targets, and what one more adds."""
        return before + self.alpha(adapter) * (a * z).sum(-1)

    def through(self, dx: Array) -> Array:
        """The gradient of x through the routing."""
        return dx

    def named(self, adapter: Adapter, grads: dict[str, Array], x: Array, bases: dict[str, Base]) -> dict[str, Array]:
        dtype = adapter.params["keys"].dtype
        return {name: part.astype(x.dtype if name == "x" else dtype) for name, part in grads.items()}
