"""The bounds of PRC-4 for the layers of chapter 15, composed from the operations of docs/bounds.md (section 13).

A dense layer is a mixture of one expert with the gate 1. A product-key memory is a PEER layer whose experts all have
ω = 1: an identity expert of a token with a last number 1, which u alone reads; the bounds of that layer are at least
those of the memory, because a product with 1 may only add errors.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from peerspec.conformance.bounds.activation import activation_bounds, derivative_bounds
from peerspec.conformance.bounds.bounded import Array, Bounded, given
from peerspec.conformance.bounds.gates import gate_bounds, gate_derivative, gates_of_y
from peerspec.conformance.bounds.gradients import gradient_bounds
from peerspec.conformance.bounds.model import Model
from peerspec.conformance.bounds.operations import contract, multiply, one_sum, returned, sum_over, take
from peerspec.reference import Layer, PeerConfig
from peerspec.reference.comparison import ComparisonLayer, DenseConfig, PKMConfig, TokenChoiceConfig

__all__ = ["BlockBounds", "logit_bounds", "memory_gradient_bounds"]


def logit_bounds(model: Model, layer: ComparisonLayer, x: Array) -> Bounded:
    """Logits [T, E]: inner products of D terms."""
    weight = given(layer.params["router.weight"])
    return contract(model, "td,ed->te", given(x), weight, layer.config.d_model)


class BlockBounds:
    """y and gradients of a dense layer or a mixture, for a given choice.

    Args:
        model: the arithmetic, with results in the dtype of x.
        linear: the same, or exact on exact data (PRC-5); for logits and inner products.
        layer: the layer.
        x: tokens [T, D] in float64, finite.
        chosen: [T, E], which experts compute each token.
        ids: [T, k], the choices of token choice, dropped ones included.
    """

    def __init__(
        self, model: Model, linear: Model, layer: ComparisonLayer, x: Array, chosen: Array, ids: Array | None = None
    ) -> None:
        self.model, self.linear, self.layer, self.x = model, linear, layer, x
        self.chosen, self.ids, self.config = chosen, ids, layer.config
        assert not isinstance(self.config, PKMConfig)
        self.dense = isinstance(self.config, DenseConfig)
        names = [name for name in ("u", "v", "w") if self._name(name) in layer.params]
        rows = {name: layer.params[self._name(name)] for name in names}
        self.tables = {name: given(table[None] if self.dense else table) for name, table in rows.items()}
        self.terms = max(1, int(chosen.sum(-1).max(initial=0))) * self.config.d_hidden

    def _name(self, table: str) -> str:
        return table if self.dense else f"experts.{table}"

    @cached_property
    def logits(self) -> Bounded:
        """[T, E]."""
        return logit_bounds(self.linear, self.layer, self.x)

    def y(self) -> Bounded:
        """[T, M]: one sum over the neurons of all experts that compute a token; 0 if none does."""
        gates = self._gates(of_y=True)
        pairs = self._of_chosen(multiply(self.model, gates[..., None], self._neurons[0]))
        return returned(self.model, contract(self.model, "teh,ehm->tm", pairs, self.tables["v"], self.terms))

    def gradients(self, dy: Array) -> dict[str, Bounded]:
        """By parameter name, and of x by ``"x"``; dy [T, M] in float64."""
        model, x, tokens = self.model, given(self.x), max(1, len(self.x))
        omega, slopes = self._neurons
        gate = self._gates(of_y=False)
        z = contract(model, "ehm,tm->teh", self.tables["v"], given(dy), dy.shape[-1] + 3)
        pairs = self._of_chosen(multiply(model, gate[..., None], omega))
        grads = {self._name("v"): contract(model, "teh,tm->ehm", pairs, given(dy), tokens)}
        terms = len(slopes) * self.terms + (0 if self.dense else self.chosen.shape[-1])
        parts = []
        for name, slope in slopes.items():
            da = self._of_chosen(multiply(model, multiply(model, gate[..., None], z), slope))
            grads[self._name(name)] = contract(model, "teh,td->ehd", da, x, tokens)
            parts.append(contract(model, "teh,ehd->td", da, self.tables[name], terms))
        if self.dense:
            grads = {name: bound[0] for name, bound in grads.items()}
        else:
            dlogit = self._dlogits(self._of_chosen(sum_over(model, multiply(model, omega, z), 2)))
            grads["router.weight"] = contract(model, "te,td->ed", dlogit, x, tokens)
            weight = given(self.layer.params["router.weight"])
            parts.append(contract(model, "te,ed->td", dlogit, weight, terms))
        grads["x"] = one_sum(*parts)
        own = model.returning(self.layer.dtype)
        return {name: returned(model if name == "x" else own, bound) for name, bound in grads.items()}

    @cached_property
    def _neurons(self) -> tuple[Bounded, dict[str, Bounded]]:
        """ω [T, E, H], and its derivatives by the table whose inner product they are of."""
        assert not isinstance(self.config, PKMConfig)
        kind, x, d = self.config.activation, given(self.x), self.config.d_model
        inner = contract(self.linear, "ehd,td->teh", self.tables["u"], x, d)
        if "w" not in self.tables:
            slope = derivative_bounds(self.model, kind, inner)
            return activation_bounds(self.model, kind, inner), {"u": slope}
        gating = contract(self.linear, "ehd,td->teh", self.tables["w"], x, d)
        active = activation_bounds(self.model, kind, gating)
        slopes = {"u": active, "w": multiply(self.model, derivative_bounds(self.model, kind, gating), inner)}
        return multiply(self.model, active, inner), slopes

    def _gates(self, *, of_y: bool) -> Bounded:
        """[T, E], as factors in y or as gates; 0 where no expert computes the token."""
        if self.dense:
            return given(np.ones((len(self.x), 1)))
        bounds = gates_of_y if of_y else gate_bounds
        if self._before:
            return self._of_chosen(bounds(self.model, "softmax", self.logits))
        return self._of_chosen(self._by_expert(bounds(self.model, "softmax", take(self.logits, self._ids))))

    @property
    def _before(self) -> bool:
        """Whether the softmax is over all experts."""
        return not isinstance(self.config, TokenChoiceConfig) or self.config.gate == "softmax_before"

    @property
    def _ids(self) -> Array:
        assert self.ids is not None
        return self.ids

    def _dlogits(self, dgate: Bounded) -> Bounded:
        """[T, E] from the gradients of the gates [T, E], which are 0 where no expert computes the token."""
        model, logits = self.model, self.logits
        if self._before:
            return gate_derivative(model, "softmax", logits, gate_bounds(model, "softmax", logits), dgate)
        scores = take(logits, self._ids)
        gate = gate_bounds(model, "softmax", scores)
        return self._by_expert(gate_derivative(model, "softmax", scores, gate, take(dgate, self._ids)))

    def _by_expert(self, a: Bounded) -> Bounded:
        """[T, E] from numbers of the choices [T, k]; 0 where an expert is not chosen."""
        value, error = np.zeros(self.chosen.shape), np.zeros(self.chosen.shape)
        np.put_along_axis(value, self._ids, a.value, -1)
        np.put_along_axis(error, self._ids, a.error, -1)
        return Bounded(value, error)

    def _of_chosen(self, a: Bounded) -> Bounded:
        """``a``, and exactly 0 where no expert computes the token."""
        where = self.chosen.reshape(*self.chosen.shape, *[1] * (a.value.ndim - 2))
        return Bounded(np.where(where, a.value, 0), np.where(where, a.error, 0))


def memory_gradient_bounds(
    model: Model, linear: Model, layer: ComparisonLayer, x: Array, dy: Array, mask: Array, ids: Array, *, training: bool
) -> dict[str, Bounded]:
    """Those of the PEER layer with one more column: 1 in every token, read by u alone.

    Args:
        model: the arithmetic, with results in the dtype of x.
        linear: the same, or exact on exact data (PRC-5).
        layer: a product-key memory.
        x, dy: tokens [T, D] and upstream gradients [T, M] in float64.
        mask: [T].
        ids: [T, h, k].
        training: whether gradients pass through batch statistics.
    """
    config = layer.config
    assert isinstance(config, PKMConfig)
    fields = {name: getattr(config, name) for name in config.__dataclass_fields__ if name not in ("_", "kind")}
    wide = PeerConfig(**(fields | {"d_model": config.d_model + 1, "activation": "identity"}))
    params = {name: array for name, array in layer.params.items() if name != "values"}
    zero = np.zeros((*params["query.weight"].shape[:-1], 1), layer.dtype)
    params["query.weight"] = np.concatenate([params["query.weight"], zero], -1)
    u = np.zeros((config.num_experts, config.d_model + 1), layer.dtype)
    u[:, -1] = 1
    peer = Layer(wide, params | {"experts.u": u, "experts.v": layer.params["values"]})
    tokens = np.concatenate([x, np.ones((len(x), 1))], -1)
    found = gradient_bounds(model, linear, peer, tokens, dy, mask, ids, training=training)
    found["values"] = found.pop("experts.v")
    del found["experts.u"]
    for name in ("query.weight", "x"):
        found[name] = found[name][..., :-1]
    return found
