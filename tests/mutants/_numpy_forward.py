"""The forward pass of a PEER layer in NumPy, in methods that a mutant can override one at a time.

The pass computes in the compute dtype, like a usual backend. The record ``r`` carries the results of earlier stages:
config, params and x in the compute dtype, mask, raw_query (before the norm), q, state, s1, s2, scores, ids, gates,
products, weights, y.
"""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
from _numpy_functions import Array, erf, logistic, stable_topk, take

from peerspec.reference import Layer, compute_dtype

__all__ = ["NumpyForward", "Pass"]

Pass = SimpleNamespace


class NumpyForward:
    """The stages of the forward pass."""

    def einsum(self, equation: str, a: Array, b: Array) -> Array:
        """Every product of the layer; variants change the order of its sums."""
        return np.einsum(equation, a, b)

    def run(self, layer: Layer, x: Array, mask: Array | None, training: bool) -> Pass:
        dtype = compute_dtype(layer.dtype)
        r = Pass(layer=layer, config=layer.config, compute_dtype=dtype, input_dtype=x.dtype, training=training)
        r.params = {name: array.astype(dtype) for name, array in layer.params.items()}
        r.x = self.tokens(x, dtype)
        r.mask = np.ones(len(r.x), bool) if mask is None else mask.reshape(-1)
        with np.errstate(all="ignore"):
            r.raw_query = self.query(r)
            r.q, r.state = self.query_norm(r)
            r.s1, r.s2 = self.half_scores(r)
            r.scores, r.ids = self.selection(r.s1, r.s2, r.config.top_k)
            r.gates = self.gates(r)
            r.weights = self.expert_weights(r)
            r.y = self.output(r)
        return r

    def tokens(self, x: Array, dtype: Any) -> Array:
        """x as [T, D] in the compute dtype."""
        return x.reshape(-1, x.shape[-1]).astype(dtype)

    def query(self, r: Pass) -> Array:
        """Queries [T, h, d] before the norm."""
        q = self.einsum("hcd,td->thc", r.params["query.weight"], r.x)
        return q + r.params["query.bias"] if r.config.query_bias else q

    eps, momentum = 1e-5, 0.1

    def query_norm(self, r: Pass) -> tuple[Array, dict[str, Array] | None]:
        """Queries [T, h, d] after the norm, and the new running statistics."""
        kind = r.config.query_norm
        r.std, r.unit = None, None
        if kind == "none":
            return r.raw_query, None
        mean, var, state = self.moments(r, kind)
        r.std = np.sqrt(var + r.compute_dtype.type(self.eps))
        r.unit = (r.raw_query - mean) / r.std
        return r.unit * r.params["query_norm.scale"] + r.params["query_norm.bias"], state

    def moments(self, r: Pass, kind: str) -> tuple[Array, Array, dict[str, Array] | None]:
        """Mean and variance by which queries are normalised, and the new running statistics."""
        if kind == "layer":
            return r.raw_query.mean(-1, keepdims=True), r.raw_query.var(-1, keepdims=True), None
        if not r.training:
            return r.params["query_norm.mean"], r.params["query_norm.var"], None
        if not r.mask.any():
            raise ValueError("training needs at least one counted token")
        mean, var = self.batch_moments(r, r.raw_query[r.mask])
        return mean, var, self.running_statistics(r, mean, var)

    def batch_moments(self, r: Pass, counted: Array) -> tuple[Array, Array]:
        """Mean and variance of the queries of counted tokens."""
        return counted.mean(0), counted.var(0)

    def running_statistics(self, r: Pass, mean: Array, var: Array) -> dict[str, Array]:
        new, old = r.compute_dtype.type(self.momentum), r.compute_dtype.type(1 - self.momentum)
        running = {"mean": mean, "var": var}
        return {f"query_norm.{name}": old * r.params[f"query_norm.{name}"] + new * b for name, b in running.items()}

    def half_scores(self, r: Pass) -> tuple[Array, Array]:
        """s1 and s2, [T, h, n] each."""
        keys, half = self.keys(r), r.config.d_key // 2
        parts = ((0, r.q[..., :half]), (1, r.q[..., half:]))
        s1, s2 = (self.einsum("thc,hnc->thn", q, keys[:, side]) for side, q in parts)
        return s1, s2

    def keys(self, r: Pass) -> Array:
        """Sub-keys [h, 2, n, d/2], as a view."""
        c = r.config
        return np.broadcast_to(r.params["keys"], (c.heads, 2, c.n, c.d_key // 2))

    def selection(self, s1: Array, s2: Array, k: int) -> tuple[Array, Array]:
        """Scores and ids [..., k] from half scores [..., n]."""
        n = s1.shape[-1]
        first, second = stable_topk(s1, min(k, n)), stable_topk(s2, min(k, n))
        grid = (*s1.shape[:-1], first.shape[-1] * second.shape[-1])
        total = (take(s1, first)[..., :, None] + take(s2, second)[..., None, :]).reshape(grid)
        ids = self.expert_ids(first[..., :, None], second[..., None, :], n).reshape(grid)
        cells = stable_topk(total, k)
        return take(total, cells), take(ids, cells)

    def expert_ids(self, i: Array, j: Array, n: int) -> Array:
        return i * n + j

    def gates(self, r: Pass) -> Array:
        return logistic(r.scores) if r.config.gate == "sigmoid" else self.softmax(r.scores)

    def softmax(self, scores: Array) -> Array:
        powers = np.exp(scores - scores.max(-1, keepdims=True))
        return powers / powers.sum(-1, keepdims=True)

    def gather_dot(self, r: Pass, name: str) -> Array:
        """Inner products [T, h, k] of tokens with rows of table u or w."""
        return self.einsum("thkd,td->thk", r.params[f"experts.{name}"][r.ids], r.x)

    def expert_weights(self, r: Pass) -> Array:
        """The factors of v, [T, h, k]."""
        r.products = {name: self.gather_dot(r, name) for name in ("u", "w") if f"experts.{name}" in r.params}
        kind = r.config.activation
        if r.config.expert == "mlp":
            return self.activate(kind, r.products["u"])
        return self.activate(kind, r.products["w"]) * r.products["u"]

    def activate(self, kind: str, a: Array) -> Array:
        one = a.dtype.type
        if kind == "relu":
            return np.maximum(a, 0)
        if kind == "gelu":
            return one(0.5) * a * (1 + erf(a * one(math.sqrt(0.5))))
        if kind == "gelu_tanh":
            return one(0.5) * a * (1 + self.gelu_tanh_term(a))
        return a * logistic(a) if kind == "silu" else a

    def gelu_tanh_term(self, a: Array) -> Array:
        one = a.dtype.type
        return np.tanh(one(math.sqrt(2 / math.pi)) * (a + one(0.044715) * a * a * a))

    def output(self, r: Pass) -> Array:
        """y, [T, M]."""
        return self.einsum("thk,thkm->tm", r.gates * r.weights, r.params["experts.v"][r.ids])
