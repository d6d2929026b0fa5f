"""A PEER layer in NumPy as a backend; a mutant overrides one of its methods, and nothing else.

The backend itself is the variant ``unmutated``: every check must pass it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from _numpy_forward import NumpyForward, Pass
from _numpy_functions import Array, erf, logistic

from peerspec.reference import Layer, Output, Selection

__all__ = ["ALL", "OPTIONS", "PRECISIONS", "NumpyBackend"]

PRECISIONS = frozenset({"float32", "float64", "bfloat16", "float16", "mixed-bfloat16", "mixed-float16"})
OPTIONS = frozenset(
    {"select", "query-bias", "query-norm", "glu", "sigmoid", "per-head-keys", "training", "frozen-statistics"}
)
ALL = PRECISIONS | OPTIONS


class NumpyBackend(NumpyForward):
    """The methods of a backend, and the backward pass stage by stage."""

    name = "NumPy layer"
    profiles = ALL

    @classmethod
    def as_backend(cls) -> tuple[Any, ...]:
        """The names that make a module a backend: name, profiles, forward, select, gradients."""
        backend = cls()
        return backend.name, backend.profiles, backend.forward, backend.select, backend.gradients

    def forward(self, layer: Layer, x: Array, *, mask: Array | None = None, training: bool = False) -> Output:
        return self.answer(self.run(layer, x, mask, training), x.shape[:-1])

    def answer(self, r: Pass, lead: tuple[int, ...]) -> Output:
        """The output of a pass, with the leading axes of x."""
        c = r.config
        pairs = (*lead, c.heads, c.top_k)
        routing = (part.reshape(pairs) for part in (r.scores, r.ids, r.gates))
        with np.errstate(all="ignore"):
            y = r.y.astype(r.input_dtype)
        return Output(y.reshape(*lead, c.d_out), *routing, state=r.state)

    def select(self, s1: Array, s2: Array, k: int) -> Selection:
        return Selection(*self.selection(s1, s2, k))

    def gradients(
        self, layer: Layer, x: Array, dy: Array, *, mask: Array | None = None, training: bool = True
    ) -> dict[str, Array]:
        r = self.run(layer, x, mask, training)
        r.dy = dy.reshape(-1, r.config.d_out).astype(r.compute_dtype)
        grads = self.backward(r)
        grads["x"] = grads["x"].reshape(x.shape)
        return {name: grad.astype(x.dtype if name == "x" else layer.dtype) for name, grad in grads.items()}

    def backward(self, r: Pass) -> dict[str, Array]:
        z = self.einsum("thkm,tm->thk", r.params["experts.v"][r.ids], r.dy)
        grads = {"experts.v": self.scatter_sum(r, "v", r.gates * r.weights, r.dy)}
        derivatives = self.weight_derivatives(r)
        dproducts = {name: r.gates * z * derivative for name, derivative in derivatives.items()}
        grads |= {f"experts.{name}": self.scatter_sum(r, name, de, r.x) for name, de in dproducts.items()}
        dscores = self.gate_backward(r, r.weights * z)
        grads["keys"], dq = self.keys_backward(r, dscores)
        dq = self.norm_backward(r, dq, grads)
        grads["query.weight"] = self.einsum("thc,td->hcd", dq, r.x)
        if r.config.query_bias:
            grads["query.bias"] = dq.sum(0)
        grads["x"] = self.dx_experts(r, dproducts) + self.dx_router(r, dq)
        return grads

    def dx_experts(self, r: Pass, dproducts: dict[str, Array]) -> Array:
        parts = (self.einsum("thk,thkd->td", de, r.params[f"experts.{name}"][r.ids]) for name, de in dproducts.items())
        return np.sum(list(parts), 0)

    def dx_router(self, r: Pass, dq: Array) -> Array:
        return self.einsum("hcd,thc->td", r.params["query.weight"], dq)

    def weight_derivatives(self, r: Pass) -> dict[str, Array]:
        """The derivatives of the factor of v by u·x and by w·x."""
        kind = r.config.activation
        if r.config.expert == "mlp":
            return {"u": self.activation_derivative(kind, r.products["u"])}
        gating = r.products["w"]
        return {"u": self.activate(kind, gating), "w": self.activation_derivative(kind, gating) * r.products["u"]}

    def activation_derivative(self, kind: str, a: Array) -> Array:
        one = a.dtype.type
        if kind == "relu":
            return (a > 0).astype(a.dtype)
        if kind == "gelu":
            density = np.exp(one(-0.5) * a * a) * one(1 / math.sqrt(2 * math.pi))
            return one(0.5) * (1 + erf(a * one(math.sqrt(0.5)))) + a * density
        if kind == "gelu_tanh":
            t = self.gelu_tanh_term(a)
            bend = one(math.sqrt(2 / math.pi)) * (1 + one(3 * 0.044715) * a * a)
            return one(0.5) * (1 + t) + one(0.5) * a * (1 - t * t) * bend
        if kind == "silu":
            s = logistic(a)
            return s * (1 + a * (1 - s))
        return np.ones_like(a)

    def scatter_sum(self, r: Pass, name: str, weights: Array, rows: Array) -> Array:
        """Sums over pairs of weight · row, each in the row of its expert."""
        out = np.zeros(r.params[f"experts.{name}"].shape, r.compute_dtype)
        np.add.at(out, r.ids, weights[..., None] * rows[:, None, None, :])
        return out

    def gate_backward(self, r: Pass, dgate: Array) -> Array:
        if r.config.gate == "sigmoid":
            return r.gates * (1 - r.gates) * dgate
        if r.config.top_k == 1:
            return np.zeros_like(dgate)
        return r.gates * (dgate - (r.gates * dgate).sum(-1, keepdims=True))

    def keys_backward(self, r: Pass, dscores: Array) -> tuple[Array, Array]:
        """The gradients of the sub-keys and of the query."""
        c, half = r.config, r.config.d_key // 2
        keys, dkeys, dq = self.keys(r), np.zeros(r.params["keys"].shape, r.compute_dtype), np.zeros_like(r.q)
        head = np.arange(c.heads)[:, None]
        for side, row in enumerate(np.divmod(r.ids, c.n)):
            part = slice(side * half, (side + 1) * half)
            dq[..., part] = self.einsum("thk,thkc->thc", dscores, keys[head, side, row])
            owner = head if c.key_heads > 1 else 0 * head
            np.add.at(dkeys, (owner, side, row), dscores[..., None] * r.q[:, :, None, part])
        return dkeys, dq

    def norm_backward(self, r: Pass, dq: Array, grads: dict[str, Array]) -> Array:
        if r.unit is None:
            return dq
        grads["query_norm.scale"], grads["query_norm.bias"] = (dq * r.unit).sum(0), dq.sum(0)
        dunit = dq * r.params["query_norm.scale"]
        if r.config.query_norm == "layer":
            mean, along = dunit.mean(-1, keepdims=True), (dunit * r.unit).mean(-1, keepdims=True)
            return (dunit - mean - r.unit * along) / r.std
        if not r.training:
            return self.frozen_norm_backward(r, dunit)
        counted = r.mask[:, None, None] / r.compute_dtype.type(r.mask.sum())
        return (dunit - counted * dunit.sum(0) - counted * r.unit * (dunit * r.unit).sum(0)) / r.std

    def frozen_norm_backward(self, r: Pass, dunit: Array) -> Array:
        """The gradient of the query before a norm by running statistics."""
        return dunit / r.std
