"""The layers of chapter 15 in NumPy, in methods that a mutant or a variant can override one at a time.

They compute in the compute dtype, expert by expert. The record ``r`` carries what earlier methods found: config, params
and x [T, D] in the compute dtype, mask [T], and of mixtures logits [T, E], computed [T], chosen [T, E] and gate [T, E];
beside these ids, scores, gates and kept [T, k], or scores [T, E]. A product-key memory is the PEER layer of
``NumpyBackend`` up to its gates.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
from _numpy_backend import PRECISIONS, NumpyBackend
from _numpy_forward import Pass
from _numpy_functions import Array, stable_topk, take

from peerspec.reference import compute_dtype

__all__ = ["COMPARISONS", "ComparingBackend", "Pass"]

COMPARISONS = frozenset({"dense", "token-choice", "expert-choice", "pkm"})


class ComparingBackend(NumpyBackend):
    """The four layers; its PEER layer is that of ``NumpyBackend``."""

    name = "NumPy comparison"
    profiles = PRECISIONS | COMPARISONS

    @classmethod
    def as_backend(cls) -> tuple[Any, ...]:
        """The names that make a module a backend: name, profiles, forward, comparison, comparison_gradients."""
        backend = cls()
        return backend.name, backend.profiles, backend.forward, backend.comparison, backend.comparison_gradients

    def comparison(
        self, layer: Any, x: Array, *, mask: Array | None = None, training: bool = False
    ) -> dict[str, Array]:
        r = self.evaluated(layer, x, mask, training)
        return self.answered(r, x.shape[:-1])

    def answered(self, r: Pass, lead: tuple[int, ...]) -> dict[str, Array]:
        """The parts of an answer, with the leading axes of x."""
        with np.errstate(all="ignore"):
            r.routing["y"] = r.y.astype(r.input_dtype)
        return {name: part.reshape(*lead, *part.shape[1:]) for name, part in r.routing.items()} | (r.state or {})

    def comparison_gradients(
        self, layer: Any, x: Array, dy: Array, *, mask: Array | None = None, training: bool = True
    ) -> dict[str, Array]:
        r = self.evaluated(layer, x, mask, training)
        r.dy = dy.reshape(-1, r.config.d_out).astype(r.compute_dtype)
        grads = self.memory_backward(r) if r.config.kind == "pkm" else self.blocks_backward(r)
        grads["x"] = grads["x"].reshape(x.shape)
        return {name: grad.astype(x.dtype if name == "x" else layer.dtype) for name, grad in grads.items()}

    def evaluated(self, layer: Any, x: Array, mask: Array | None, training: bool) -> Pass:
        dtype = compute_dtype(layer.dtype)
        r = Pass(layer=layer, config=layer.config, compute_dtype=dtype, input_dtype=x.dtype, training=training)
        r.params = {name: array.astype(dtype) for name, array in layer.params.items()}
        r.x, r.state = self.tokens(x, dtype), None
        r.mask = np.ones(len(r.x), bool) if mask is None else mask.reshape(-1)
        with np.errstate(all="ignore"):
            getattr(self, r.config.kind.replace("-", "_"))(r)
        return r

    # -- blocks

    def product(self, a: Array, b: Array) -> Array:
        """Every product of matrices in a block or a router; variants change the order of its sums."""
        return a @ b

    def tables(self, r: Pass, e: int) -> dict[str, Array]:
        """The rows of one block by the names u, v and w."""
        if r.config.kind == "dense":
            return dict(r.params)
        return {name[-1]: table[e] for name, table in r.params.items() if name.startswith("experts.")}

    def neurons(self, r: Pass, tables: dict[str, Array], x: Array) -> Array:
        """ω of tokens, [T, H]."""
        inner = self.product(x, tables["u"].T)
        if r.config.expert == "mlp":
            return self.activate(r.config.activation, inner)
        return self.activate(r.config.activation, self.product(x, tables["w"].T)) * inner

    def slopes(self, r: Pass, tables: dict[str, Array], x: Array) -> dict[str, Array]:
        """The derivatives of ω by the inner products with u and w."""
        kind, inner = r.config.activation, self.product(x, tables["u"].T)
        if r.config.expert == "mlp":
            return {"u": self.activation_derivative(kind, inner)}
        gating = self.product(x, tables["w"].T)
        return {"u": self.activate(kind, gating), "w": self.activation_derivative(kind, gating) * inner}

    def block(self, r: Pass, e: int, x: Array) -> Array:
        """The output of one block."""
        tables = self.tables(r, e)
        return self.product(self.neurons(r, tables, x), tables["v"])

    def combined(self, r: Pass) -> Array:
        """y, [T, M]: the sum over the experts that compute a token."""
        y = np.zeros((len(r.x), r.config.d_out), r.compute_dtype)
        for e in range(r.chosen.shape[1]):
            at = np.flatnonzero(r.chosen[:, e])
            y[at] += r.gate[at, e, None] * self.block(r, e, r.x[at])
        return y

    # -- layers

    def dense(self, r: Pass) -> None:
        r.chosen, r.gate = np.ones((len(r.x), 1), bool), np.ones((len(r.x), 1), r.compute_dtype)
        r.y, r.routing = self.combined(r), {}

    def token_choice(self, r: Pass) -> None:
        r.logits = self.logits(r)
        r.computed = self.eligible(r)
        r.ids = self.choices(r)
        r.scores = take(r.logits, r.ids)
        r.gates = self.choice_gates(r)
        r.kept = self.kept(r)
        r.chosen, r.gate = self.by_expert(r, r.kept), self.by_expert(r, r.gates)
        r.y = self.marked(r, self.combined(r))
        r.routing = {"scores": r.scores, "indices": r.ids, "gates": r.gates, "kept": r.kept}

    def expert_choice(self, r: Pass) -> None:
        r.logits = self.logits(r)
        r.computed = self.eligible(r)
        r.scores = r.gate = self.softmax(r.logits)
        r.chosen = self.chosen(r, self.capacity(r))
        r.y = self.marked(r, self.combined(r))
        r.routing = {"scores": r.scores, "chosen": r.chosen}

    def pkm(self, r: Pass) -> None:
        r.raw_query = self.query(r)
        r.q, r.state = self.query_norm(r)
        r.s1, r.s2 = self.half_scores(r)
        r.scores, r.ids = self.selection(r.s1, r.s2, r.config.top_k)
        r.gates = self.memory_gates(r)
        r.y = self.recalled(r)
        r.routing = {"scores": r.scores, "indices": r.ids, "gates": r.gates}

    # -- routers

    def logits(self, r: Pass) -> Array:
        return self.product(r.x, r.params["router.weight"].T)

    def eligible(self, r: Pass) -> Array:
        """Tokens that count, with finite logits."""
        return r.mask & np.isfinite(r.logits).all(-1)

    def marked(self, r: Pass, y: Array) -> Array:
        """y with NaN for counted tokens that no expert may compute."""
        y[r.mask & ~r.computed] = np.nan
        return y

    def choices(self, r: Pass) -> Array:
        return stable_topk(r.logits, r.config.top_k)

    def choice_gates(self, r: Pass) -> Array:
        if r.config.gate == "softmax_after":
            return self.softmax(r.scores)
        return take(self.softmax(r.logits), r.ids)

    def kept(self, r: Pass) -> Array:
        """Which choices [T, k] an expert computes: first choices before second ones, then earlier tokens."""
        kept, used = np.zeros(r.ids.shape, bool), np.zeros(r.config.num_experts, int)
        for token, position in self.queue(r):
            e = r.ids[token, position]
            if r.computed[token] and used[e] < self.places(r):
                kept[token, position] = True
                used[e] += 1
        return kept

    def queue(self, r: Pass) -> Any:
        """Tokens with positions, in the order in which experts take them."""
        return ((token, position) for position in range(r.config.top_k) for token in range(len(r.ids)))

    def places(self, r: Pass) -> float:
        return math.inf if r.config.capacity is None else r.config.capacity

    def by_expert(self, r: Pass, values: Array) -> Array:
        found = np.zeros((len(r.ids), r.config.num_experts), values.dtype)
        np.put_along_axis(found, r.ids, values, -1)
        return found

    def capacity(self, r: Pass) -> int:
        share = Fraction(repr(r.config.capacity_factor)) / r.config.num_experts
        counted = int(r.mask.sum())
        return min(counted, math.ceil(counted * share))

    def chosen(self, r: Pass, capacity: int) -> Array:
        """Which experts choose each token, [T, E]."""
        chosen, tokens = np.zeros(r.scores.shape, bool), np.flatnonzero(r.computed)
        for e in range(r.config.num_experts):
            chosen[tokens[self.first(r.scores[tokens, e], capacity)], e] = True
        return chosen

    def first(self, scores: Array, count: int) -> Array:
        """The places of the largest scores, equal ones by lower place."""
        return stable_topk(scores, count)

    # -- gradients of blocks

    def blocks_backward(self, r: Pass) -> dict[str, Array]:
        prefix = "" if r.config.kind == "dense" else "experts."
        grads = {name: np.zeros_like(array) for name, array in r.params.items()}
        grads["x"], dgate = np.zeros_like(r.x), np.zeros_like(r.gate)
        for e in range(r.chosen.shape[1]):
            at, tables = np.flatnonzero(r.chosen[:, e]), self.tables(r, e)
            x, dy, gate = r.x[at], r.dy[at], r.gate[at, e, None]
            omega, z = self.neurons(r, tables, x), self.product(dy, tables["v"].T)
            dgate[at, e] = (omega * z).sum(-1)
            parts = {"v": self.product((gate * omega).T, dy)}
            for name, slope in self.slopes(r, tables, x).items():
                da = self.da(gate, z, slope)
                parts[name] = self.product(da.T, x)
                grads["x"][at] += self.product(da, tables[name])
            for name, part in parts.items():
                if prefix:
                    grads[prefix + name][e] = part
                else:
                    grads[name] = part
        if prefix:
            dlogits = self.dlogits(r, dgate)
            grads["router.weight"] = self.product(dlogits.T, r.x)
            grads["x"] += self.product(dlogits, r.params["router.weight"])
        return grads

    def da(self, gate: Array, z: Array, slope: Array) -> Array:
        """The gradient of an inner product with u or w, [T, H]."""
        return gate * z * slope

    def dlogits(self, r: Pass, dgate: Array) -> Array:
        """[T, E] from the gradients of gates [T, E], which are 0 where no expert computes the token."""
        if r.config.kind == "expert-choice":
            return self.softmax_backward(r.scores, dgate)
        if r.config.gate == "softmax_before":
            return self.softmax_backward(self.softmax(r.logits), dgate)
        return self.by_expert(r, self.softmax_backward(r.gates, take(dgate, r.ids)))

    def softmax_backward(self, p: Array, dp: Array) -> Array:
        if p.shape[-1] == 1:
            return np.zeros_like(dp)
        return p * (dp - (p * dp).sum(-1, keepdims=True))

    # -- product-key memory

    def memory_gates(self, r: Pass) -> Array:
        return self.gates(r)

    def recalled(self, r: Pass) -> Array:
        """y, [T, M]: the sum of gate · value over heads and rows."""
        return self.einsum("thk,thkm->tm", r.gates, r.params["values"][r.ids])

    def memory_backward(self, r: Pass) -> dict[str, Array]:
        grads = {"values": self.scatter_values(r)}
        dgates = self.einsum("thkm,tm->thk", r.params["values"][r.ids], r.dy)
        grads["keys"], dq = self.keys_backward(r, self.gate_backward(r, dgates))
        dq = self.norm_backward(r, dq, grads)
        grads["query.weight"] = self.einsum("thc,td->hcd", dq, r.x)
        if r.config.query_bias:
            grads["query.bias"] = dq.sum(0)
        grads["x"] = self.dx_router(r, dq)
        return grads

    def scatter_values(self, r: Pass) -> Array:
        out = np.zeros(r.params["values"].shape, r.compute_dtype)
        np.add.at(out, r.ids, r.gates[..., None] * r.dy[:, None, None, :])
        return out
