"""The bounds of PRC-4 for the layers of chapter 15, composed from the operations of docs/bounds.md.

A dense layer is a mixture of one expert with the gate 1. A product-key memory is a PEER layer whose experts all have
ω = 1: an identity expert of a token with a last number 1, which u alone reads; the bounds of that layer are at least
those of the memory, because a product with 1 may only add errors.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from peerspec.conformance.bounds.activation import activation_bounds, derivative_bounds
from peerspec.conformance.bounds.bounded import Bounded, given
from peerspec.conformance.bounds.gates import gate_bounds, gate_derivative, gates_of_y
from peerspec.conformance.bounds.gradients import gradient_bounds
from peerspec.conformance.bounds.model import Model, model_for
from peerspec.conformance.bounds.operations import contract, multiply, one_sum, returned, sum_over, take
from peerspec.reference import Layer, PeerConfig
from peerspec.reference.comparison import (
    ComparisonLayer,
    DenseConfig,
    ExpertChoiceConfig,
    PKMConfig,
    TokenChoiceConfig,
)

__all__ = ["assert_within", "gradients_within", "logit_bounds", "score_bounds", "y_within"]

Array = Any


def assert_within(got: Array, bound: Bounded, what: str = "") -> None:
    """Every number lies within its bound."""
    off = abs(np.asarray(got, np.float64) - bound.value)
    assert got.shape == bound.value.shape, what
    assert (off <= bound.error).all(), (what, float((off / np.maximum(bound.error, 1e-300)).max()))


def logit_bounds(model: Model, layer: ComparisonLayer, x: Array) -> Bounded:
    """Logits [T, E]: inner products of D terms."""
    weight = given(layer.params["router.weight"])
    return contract(model, "td,ed->te", given(x), weight, layer.config.d_model)


def score_bounds(model: Model, layer: ComparisonLayer, x: Array) -> Bounded:
    """The softmax over all experts [T, E]."""
    return gate_bounds(model, "softmax", logit_bounds(model, layer, x))


class _Mixture:
    """The forward pass of a dense layer or a mixture, for a given choice."""

    def __init__(self, layer: ComparisonLayer, x: Array, y_dtype: Any, selection: Array, kept: Array) -> None:
        self.layer, self.x, self.config = layer, np.asarray(x, np.float64), layer.config
        self.model = model_for(layer.dtype).returning(np.dtype(y_dtype))
        dense = isinstance(self.config, DenseConfig)
        prefix = "" if dense else "experts."
        rows = {name: layer.params.get(prefix + name) for name in ("u", "v", "w")}
        self.tables = {n: given(r[None] if dense else r) for n, r in rows.items() if r is not None}
        self.selection, self.kept = selection, kept
        self.chosen = self._chosen()
        self.terms = max(1, int(self.chosen.sum(-1).max(initial=0))) * self.config.d_hidden

    def _chosen(self) -> Array:
        if isinstance(self.config, DenseConfig):
            return np.ones((len(self.x), 1), bool)
        if isinstance(self.config, ExpertChoiceConfig):
            return self.selection
        chosen = np.zeros((len(self.x), self.config.num_experts), bool)
        np.put_along_axis(chosen, self.selection, self.kept, -1)
        return chosen

    def masked(self, a: Bounded) -> Bounded:
        where = self.chosen.reshape(*self.chosen.shape, *[1] * (a.value.ndim - 2))
        return Bounded(np.where(where, a.value, 0), np.where(where, a.error, 0))

    def gates(self, gate: Any) -> Bounded:
        """[T, E], by ``gate_bounds`` or ``gates_of_y``; 0 where no expert computes the token."""
        if isinstance(self.config, DenseConfig):
            return given(np.ones((len(self.x), 1)))
        logit = logit_bounds(self.model, self.layer, self.x)
        if not isinstance(self.config, TokenChoiceConfig) or self.config.gate == "softmax_before":
            return self.masked(gate(self.model, "softmax", logit))
        found = gate(self.model, "softmax", take(logit, self.selection))
        value, error = np.zeros(self.chosen.shape), np.zeros(self.chosen.shape)
        np.put_along_axis(value, self.selection, found.value, -1)
        np.put_along_axis(error, self.selection, found.error, -1)
        return self.masked(Bounded(value, error))

    def neurons(self) -> tuple[Bounded, dict[str, Bounded]]:
        """ω [T, E, H], and its derivatives."""
        kind, x, d = self.config.activation, given(self.x), self.config.d_model
        inner = contract(self.model, "ehd,td->teh", self.tables["u"], x, d)
        if "w" not in self.tables:
            return activation_bounds(self.model, kind, inner), {"u": derivative_bounds(self.model, kind, inner)}
        gating = contract(self.model, "ehd,td->teh", self.tables["w"], x, d)
        active = activation_bounds(self.model, kind, gating)
        slopes = {"u": active, "w": multiply(self.model, derivative_bounds(self.model, kind, gating), inner)}
        return multiply(self.model, active, inner), slopes

    def y(self) -> Bounded:
        pairs = self.masked(multiply(self.model, self.gates(gates_of_y)[..., None], self.neurons()[0]))
        return returned(self.model, contract(self.model, "teh,ehm->tm", pairs, self.tables["v"], self.terms))

    def gradients(self, dy: Array) -> dict[str, Bounded]:
        model, c, x = self.model, self.config, given(self.x)
        omega, slopes = self.neurons()
        gate = self.gates(gate_bounds)
        z = contract(model, "ehm,tm->teh", self.tables["v"], given(dy), c.d_out + 3)
        pairs = self.masked(multiply(model, gate[..., None], omega))
        tokens = len(self.x)
        grads = {"v": contract(model, "teh,tm->ehm", pairs, given(dy), tokens)}
        terms = len(slopes) * self.terms + (0 if isinstance(c, DenseConfig) else c.num_experts)
        parts = []
        for name, slope in slopes.items():
            da = self.masked(multiply(model, multiply(model, gate[..., None], z), slope))
            grads[name] = contract(model, "teh,td->ehd", da, x, tokens)
            parts.append(contract(model, "teh,ehd->td", da, self.tables[name], terms))
        if isinstance(c, DenseConfig):
            grads = {name: bound[0] for name, bound in grads.items()}
        else:
            grads = {f"experts.{name}": bound for name, bound in grads.items()}
            dlogit = self._dlogit(self.masked(sum_over(model, multiply(model, omega, z), 2)))
            grads["router.weight"] = contract(model, "te,td->ed", dlogit, x, tokens)
            weight = given(self.layer.params["router.weight"])
            parts.append(contract(model, "te,ed->td", dlogit, weight, terms))
        grads["x"] = one_sum(*parts)
        own = model.returning(self.layer.dtype)
        return {name: returned(model if name == "x" else own, bound) for name, bound in grads.items()}

    def _dlogit(self, dgate: Bounded) -> Bounded:
        model, logit = self.model, logit_bounds(self.model, self.layer, self.x)
        if not isinstance(self.config, TokenChoiceConfig) or self.config.gate == "softmax_before":
            return gate_derivative(model, "softmax", logit, gate_bounds(model, "softmax", logit), dgate)
        scores = take(logit, self.selection)
        found = gate_derivative(
            model, "softmax", scores, gate_bounds(model, "softmax", scores), take(dgate, self.selection)
        )
        value, error = np.zeros(self.chosen.shape), np.zeros(self.chosen.shape)
        np.put_along_axis(value, self.selection, found.value, -1)
        np.put_along_axis(error, self.selection, found.error, -1)
        return Bounded(value, error)


def y_within(layer: ComparisonLayer, x: Array, got: Array, out: Any) -> None:
    """y [T, M] of tokens that count and are finite is within its bound, for the selection of ``out``."""
    if not isinstance(layer.config, PKMConfig):
        assert_within(got, _Mixture(layer, x, got.dtype, *_selection(out)).y(), "y")
        return
    model, gates = model_for(layer.dtype).returning(got.dtype), np.asarray(out.gates, np.float64)
    ids = np.asarray(out.indices)
    # the factors in y may differ from the returned gates by as much as two legal results
    scores = Bounded(np.asarray(out.scores, np.float64), np.zeros(gates.shape))
    error = 2 * gates_of_y(model, layer.config.gate, scores).error
    values = given(layer.params["values"][ids])
    terms = layer.config.heads * layer.config.top_k
    assert_within(got, returned(model, contract(model, "thk,thkm->tm", Bounded(gates, error), values, terms)), "y")


def gradients_within(
    layer: ComparisonLayer, x: Array, dy: Array, got: dict[str, Array], out: Any, *, training: bool = True
) -> None:
    """Every gradient is within its bound, for the selection of ``out``, and where all tokens count."""
    config, x_dtype = layer.config, got["x"].dtype
    if not isinstance(config, PKMConfig):
        bounds = _Mixture(layer, x, x_dtype, *_selection(out)).gradients(np.asarray(dy, np.float64))
    else:
        bounds = _memory_bounds(
            config, layer, np.asarray(x, np.float64), dy, np.asarray(out.indices), x_dtype, training
        )
    assert got.keys() == bounds.keys()
    for name, gradient in got.items():
        assert_within(gradient, bounds[name], name)
        assert gradient.any() or not bounds[name].value.any(), name


def _memory_bounds(
    config: PKMConfig, layer: ComparisonLayer, x: Array, dy: Array, ids: Array, x_dtype: Any, training: bool
) -> dict[str, Bounded]:
    """Those of the PEER layer with one more column: 1 in every token, read by u alone."""
    fields = {name: getattr(config, name) for name in config.__dataclass_fields__ if name != "_"}
    wide = PeerConfig(**(fields | {"d_model": config.d_model + 1, "activation": "identity"}))
    params = {name: array for name, array in layer.params.items() if name != "values"}
    zero = np.zeros((*params["query.weight"].shape[:-1], 1), layer.dtype)
    params["query.weight"] = np.concatenate([params["query.weight"], zero], -1)
    u = np.zeros((config.num_experts, config.d_model + 1), layer.dtype)
    u[:, -1] = 1
    peer = Layer(wide, params | {"experts.u": u, "experts.v": layer.params["values"]})
    tokens = np.concatenate([x, np.ones((len(x), 1))], -1)
    model = model_for(layer.dtype).returning(np.dtype(x_dtype))
    mask = np.ones(len(x), bool)
    found = gradient_bounds(model, model, peer, tokens, np.asarray(dy, np.float64), mask, ids, training=training)
    found["values"] = found.pop("experts.v")
    del found["experts.u"]
    for name in ("query.weight", "x"):
        found[name] = found[name][..., :-1]
    return found


def _selection(out: Any) -> tuple[Array, Array]:
    if hasattr(out, "chosen"):
        return np.asarray(out.chosen), None
    if hasattr(out, "kept"):
        return np.asarray(out.indices), np.asarray(out.kept)
    return None, None
