"""A PEER layer in NumPy, cut into small methods, so that a mutant overrides one of them and nothing else.

It computes in the compute dtype (float32, or float64 in the profile float64), like a real backend, and is itself the
first of the variants: nothing may accuse it. Methods take the pass ``r``, which carries what earlier stages made:
config, params and x in the compute dtype, mask, raw, q, state, s1, s2, scores, ids, gates, weights, y.
"""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
from ml_dtypes import bfloat16
from numpy.typing import NDArray

from peerspec.reference import Layer, Output, Selection, compute_dtype

__all__ = [
    "ALL",
    "OPTIONS",
    "PRECISIONS",
    "Array",
    "Net",
    "Pass",
    "best",
    "bfloat16",
    "erf",
    "logistic",
    "restricted",
    "take",
    "tf32",
]

Array = NDArray[Any]
Pass = SimpleNamespace

PRECISIONS = frozenset({"float32", "float64", "bfloat16", "float16"})
OPTIONS = frozenset({"select", "query-bias", "query-norm", "glu", "sigmoid", "per-head-keys", "training"})
ALL = PRECISIONS | OPTIONS

_erf = np.vectorize(math.erf, otypes=[np.float64])


def erf(a: Array) -> Array:
    """The error function, rounded to the format of ``a``."""
    return _erf(a).astype(a.dtype) if a.size else a


def logistic(a: Array) -> Array:
    small = np.exp(-np.abs(a))
    return np.where(a >= 0, 1, small) / (1 + small)


def best(scores: Array, k: int) -> Array:
    """Positions of the k largest along the last axis, ties by lower position."""
    return np.argsort(-scores, -1, kind="stable")[..., :k]


def take(array: Array, at: Array) -> Array:
    return np.take_along_axis(array, at, -1)


class Net:
    """The layer, as a backend."""

    name = "NumPy layer"
    profiles = ALL

    @classmethod
    def parts(cls) -> tuple[Any, ...]:
        """What makes a module a backend: name, profiles, forward, select, gradients."""
        net = cls()
        return net.name, net.profiles, net.forward, net.select, net.gradients

    # -- what a backend is asked

    def forward(self, layer: Layer, x: Array, *, mask: Array | None = None, training: bool = False) -> Output:
        return self.answer(self.run(layer, x, mask, training), x.shape[:-1])

    def answer(self, r: Pass, lead: tuple[int, ...]) -> Output:
        c = r.config
        pairs = (*lead, c.heads, c.top_k)
        routing = (part.reshape(pairs) for part in (r.scores, r.ids, r.gates))
        with np.errstate(all="ignore"):
            y = r.y.astype(r.layer.dtype)
        return Output(y.reshape(*lead, c.d_out), *routing, state=r.state)

    def select(self, s1: Array, s2: Array, k: int) -> Selection:
        return Selection(*self.choose(s1, s2, k))

    def gradients(self, layer: Layer, x: Array, dy: Array, *, mask: Array | None = None) -> dict[str, Array]:
        r = self.run(layer, x, mask, training=True)
        r.dy = dy.reshape(-1, r.config.d_out).astype(r.compute_dtype)
        grads = self.backward(r)
        grads["x"] = grads["x"].reshape(x.shape)
        return {name: grad.astype(layer.dtype) for name, grad in grads.items()}

    def einsum(self, spec: str, a: Array, b: Array) -> Array:
        """Every product of the layer; variants sum in other orders."""
        return np.einsum(spec, a, b)

    # -- forward, stage by stage

    def run(self, layer: Layer, x: Array, mask: Array | None, training: bool) -> Pass:
        dtype = compute_dtype(layer.dtype)
        r = Pass(layer=layer, config=layer.config, compute_dtype=dtype, training=training)
        r.params = {name: array.astype(dtype) for name, array in layer.params.items()}
        r.x = self.tokens(x, dtype)
        r.mask = np.ones(len(r.x), bool) if mask is None else mask.reshape(-1)
        with np.errstate(all="ignore"):
            r.raw = self.query(r)
            r.q, r.state = self.norm(r)
            r.s1, r.s2 = self.half_scores(r)
            r.scores, r.ids = self.choose(r.s1, r.s2, r.config.top_k)
            r.gates = self.gate(r)
            r.weights = self.expert(r)
            r.y = self.output(r)
        return r

    def tokens(self, x: Array, dtype: Any) -> Array:
        """[T, D] in the compute dtype."""
        return x.reshape(-1, x.shape[-1]).astype(dtype)

    def query(self, r: Pass) -> Array:
        """[T, h, d] before the norm."""
        q = self.einsum("hcd,td->thc", r.params["query.weight"], r.x)
        return q + r.params["query.bias"] if r.config.query_bias else q

    eps, momentum = 1e-5, 0.1

    def norm(self, r: Pass) -> tuple[Array, dict[str, Array] | None]:
        """[T, h, d], and the new running statistics."""
        kind = r.config.query_norm
        r.spread, r.unit = None, None
        if kind == "none":
            return r.raw, None
        mean, var, state = self.moments(r, kind)
        r.spread = np.sqrt(var + r.compute_dtype.type(self.eps))
        r.unit = (r.raw - mean) / r.spread
        return r.unit * r.params["query_norm.scale"] + r.params["query_norm.bias"], state

    def moments(self, r: Pass, kind: str) -> tuple[Array, Array, dict[str, Array] | None]:
        if kind == "layer":
            return r.raw.mean(-1, keepdims=True), r.raw.var(-1, keepdims=True), None
        if not r.training:
            return r.params["query_norm.mean"], r.params["query_norm.var"], None
        if not r.mask.any():
            raise ValueError("no token counts")
        mean, var = self.batch_moments(r, r.raw[r.mask])
        return mean, var, self.moved(r, mean, var)

    def batch_moments(self, r: Pass, counted: Array) -> tuple[Array, Array]:
        return counted.mean(0), counted.var(0)

    def moved(self, r: Pass, mean: Array, var: Array) -> dict[str, Array]:
        new, old = r.compute_dtype.type(self.momentum), r.compute_dtype.type(1 - self.momentum)
        running = {"mean": mean, "var": var}
        return {f"query_norm.{name}": old * r.params[f"query_norm.{name}"] + new * b for name, b in running.items()}

    def half_scores(self, r: Pass) -> tuple[Array, Array]:
        """[T, h, n] twice."""
        keys, half = self.keys(r), r.config.d_key // 2
        parts = ((0, r.q[..., :half]), (1, r.q[..., half:]))
        s1, s2 = (self.einsum("thc,hnc->thn", q, keys[:, side]) for side, q in parts)
        return s1, s2

    def keys(self, r: Pass) -> Array:
        """[h, 2, n, d/2], a view."""
        c = r.config
        return np.broadcast_to(r.params["keys"], (c.heads, 2, c.n, c.d_key // 2))

    def choose(self, s1: Array, s2: Array, k: int) -> tuple[Array, Array]:
        """Scores and ids [..., k] of half scores [..., n]."""
        n = s1.shape[-1]
        first, second = best(s1, min(k, n)), best(s2, min(k, n))
        grid = (*s1.shape[:-1], first.shape[-1] * second.shape[-1])
        total = (take(s1, first)[..., :, None] + take(s2, second)[..., None, :]).reshape(grid)
        ids = self.number(first[..., :, None], second[..., None, :], n).reshape(grid)
        cells = best(total, k)
        return take(total, cells), take(ids, cells)

    def number(self, i: Array, j: Array, n: int) -> Array:
        return i * n + j

    def gate(self, r: Pass) -> Array:
        return logistic(r.scores) if r.config.gate == "sigmoid" else self.softmax(r.scores)

    def softmax(self, scores: Array) -> Array:
        powers = np.exp(scores - scores.max(-1, keepdims=True))
        return powers / powers.sum(-1, keepdims=True)

    def gather_dot(self, r: Pass, name: str) -> Array:
        """[T, h, k]: x with the rows of u or w."""
        return self.einsum("thkd,td->thk", r.params[f"experts.{name}"][r.ids], r.x)

    def expert(self, r: Pass) -> Array:
        """What multiplies v, [T, h, k]."""
        r.inner = {name: self.gather_dot(r, name) for name in ("u", "w") if f"experts.{name}" in r.params}
        kind = r.config.activation
        if r.config.expert == "mlp":
            return self.activate(kind, r.inner["u"])
        return self.activate(kind, r.inner["w"]) * r.inner["u"]

    def activate(self, kind: str, a: Array) -> Array:
        one = a.dtype.type
        if kind == "relu":
            return np.maximum(a, 0)
        if kind == "gelu":
            return one(0.5) * a * (1 + erf(a * one(math.sqrt(0.5))))
        if kind == "gelu_tanh":
            return one(0.5) * a * (1 + self.tanh_inner(a))
        return a * logistic(a) if kind == "silu" else a

    def tanh_inner(self, a: Array) -> Array:
        one = a.dtype.type
        return np.tanh(one(math.sqrt(2 / math.pi)) * (a + one(0.044715) * a * a * a))

    def output(self, r: Pass) -> Array:
        """[T, M]."""
        return self.einsum("thk,thkm->tm", r.gates * r.weights, r.params["experts.v"][r.ids])

    # -- backward, stage by stage

    def backward(self, r: Pass) -> dict[str, Array]:
        z = self.einsum("thkm,tm->thk", r.params["experts.v"][r.ids], r.dy)
        grads = {"experts.v": self.scatter_sum(r, "v", r.gates * r.weights, r.dy)}
        slopes = self.slopes(r)
        inner = {name: r.gates * z * slope for name, slope in slopes.items()}
        grads |= {f"experts.{name}": self.scatter_sum(r, name, de, r.x) for name, de in inner.items()}
        dscores = self.gate_backward(r, r.weights * z)
        grads["keys"], dq = self.keys_backward(r, dscores)
        dq = self.norm_backward(r, dq, grads)
        grads["query.weight"] = self.einsum("thc,td->hcd", dq, r.x)
        if r.config.query_bias:
            grads["query.bias"] = dq.sum(0)
        grads["x"] = self.dx_experts(r, inner) + self.dx_router(r, dq)
        return grads

    def dx_experts(self, r: Pass, inner: dict[str, Array]) -> Array:
        parts = (self.einsum("thk,thkd->td", de, r.params[f"experts.{name}"][r.ids]) for name, de in inner.items())
        return np.sum(list(parts), 0)

    def dx_router(self, r: Pass, dq: Array) -> Array:
        return self.einsum("hcd,thc->td", r.params["query.weight"], dq)

    def slopes(self, r: Pass) -> dict[str, Array]:
        """The derivative of what multiplies v by u·x and w·x."""
        kind = r.config.activation
        if r.config.expert == "mlp":
            return {"u": self.slope(kind, r.inner["u"])}
        gating = r.inner["w"]
        return {"u": self.activate(kind, gating), "w": self.slope(kind, gating) * r.inner["u"]}

    def slope(self, kind: str, a: Array) -> Array:
        one = a.dtype.type
        if kind == "relu":
            return (a > 0).astype(a.dtype)
        if kind == "gelu":
            density = np.exp(one(-0.5) * a * a) * one(1 / math.sqrt(2 * math.pi))
            return one(0.5) * (1 + erf(a * one(math.sqrt(0.5)))) + a * density
        if kind == "gelu_tanh":
            t = self.tanh_inner(a)
            bend = one(math.sqrt(2 / math.pi)) * (1 + one(3 * 0.044715) * a * a)
            return one(0.5) * (1 + t) + one(0.5) * a * (1 - t * t) * bend
        if kind == "silu":
            s = logistic(a)
            return s * (1 + a * (1 - s))
        return np.ones_like(a)

    def scatter_sum(self, r: Pass, name: str, weights: Array, rows: Array) -> Array:
        """Σ over pairs of weight · row, into the row of its expert."""
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
        """Gradients of the sub-keys and of the query."""
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
            return (dunit - mean - r.unit * along) / r.spread
        counted = r.mask[:, None, None] / r.compute_dtype.type(r.mask.sum())
        return (dunit - counted * dunit.sum(0) - counted * r.unit * (dunit * r.unit).sum(0)) / r.spread


def restricted(s1: Array, s2: Array, k: int, first: Array, second: Array) -> tuple[Array, Array]:
    """The k best experts made of these sub-keys only."""
    n = s1.shape[-1]
    ids = (first[..., :, None] * n + second[..., None, :]).reshape(*s1.shape[:-1], first.shape[-1] * second.shape[-1])
    total = take(s1, ids // n) + take(s2, ids % n)
    cells = best(total, k)
    return take(total, cells), take(ids, cells)


def tf32(a: Array) -> Array:
    """Rounded to 10 bits after the leading one, as operands of TF32 products are."""
    mantissa, exponent = np.frexp(a)
    return np.ldexp(np.rint(np.ldexp(mantissa, 11)), exponent - 11).astype(a.dtype)
