"""Bounds of adapters (ADP-3, ADP-5): one sum of products with at most four factors, in any order.

For the matrix W + α Σ g v uᵀ of a token, entry by entry, each product passes the sum over the h·k·r rows and then that
over D; for (u·x), g, α and v in turn it passes the sum over D and then that over the rows. So each number is off by
at most π_D + π_(hkr+2) + 3u times the sum of the magnitudes of its elementary products, and by what the gates are off.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from peerspec.conformance.bounds.bounded import Array, Bounded, given
from peerspec.conformance.bounds.gradients import Routing, routing_gradients
from peerspec.conformance.bounds.model import Model
from peerspec.conformance.bounds.operations import contract, multiply, one_sum, returned, scatter_sum
from peerspec.reference import Adapter, Base

__all__ = ["adapted", "adapter_gradient_bounds"]

FACTORS = 3
"""Products by which α, g and an inner product are joined to one factor of a row."""


def adapted(
    model: Model, linear: Model, adapter: Adapter, bases: Mapping[str, Base], x: Array, ids: Array, gates: Bounded
) -> dict[str, Bounded]:
    """y of ADP-3 by target, [T, M_τ], for the factors ``gates`` [T, h, k]; ``linear`` is the model of inner products.

    Where every gate is exactly 1, y is a sum of products, and exact on exact data (PRC-5).
    """
    last = linear if not gates.error.any() and (gates.value == 1).all() else model
    found = {}
    for target, base in bases.items():
        inner = _inner(linear, adapter, target, "u", x, ids)
        change = _change(last, adapter, target, ids, _joined(last, adapter.config.alpha, gates, inner))
        found[target] = _with_base(last, base, x, change, _rows(adapter) + 2)
    return found


def _rows(adapter: Adapter) -> int:
    """The rows of a table that a token selects."""
    return adapter.config.heads * adapter.config.top_k * adapter.config.rank


def _inner(model: Model, adapter: Adapter, target: str, table: str, tokens: Array, ids: Array) -> Bounded:
    """The inner products of tokens with the rows of their experts, [T, h, k, r]."""
    rows = given(adapter.params[f"targets.{target}.{table}"][ids])
    return contract(model, "thkrd,td->thkr", rows, given(tokens), tokens.shape[-1])


def _joined(model: Model, alpha: float, gates: Bounded, inner: Bounded) -> Bounded:
    """α·g·(inner product), [T, h, k, r], in any order, with the magnitudes of its terms."""
    gate = Bounded(alpha * gates.value[..., None], abs(alpha) * gates.error[..., None])
    size = gate.reach * inner.size
    propagated = np.abs(gate.value) * inner.error + gate.error * inner.reach
    lost = np.where(size > 0, FACTORS * model.tiny, 0.0)
    return Bounded(gate.value * inner.value, propagated + FACTORS * model.step * size + lost, size)


def _change(model: Model, adapter: Adapter, target: str, ids: Array, weights: Bounded) -> Bounded:
    """Σ over pairs and rows of weight · v, [T, M]."""
    rows = given(adapter.params[f"targets.{target}.v"][ids])
    return contract(model, "thkr,thkrm->tm", weights, rows, _rows(adapter) + 2)


def _with_base(model: Model, base: Base, x: Array, change: Bounded, terms: int) -> Bounded:
    """W x + b + change; W x, W x + b, the change and the sum may each be rounded to the dtype of results."""
    product = contract(model, "md,td->tm", given(base.weight), given(x), x.shape[-1])
    product = Bounded(product.value, product.error + model.product(terms) * product.size, product.size)
    parts = [product]
    if base.bias is not None:
        bias = np.broadcast_to(base.bias.astype(np.float64), product.value.shape)
        parts.append(one_sum(product, Bounded(bias, model.product(terms) * np.abs(bias))))
    return _in_parts(model, one_sum(parts[-1], change), *parts, change)


def _in_parts(model: Model, whole: Bounded, *parts: Bounded) -> Bounded:
    """``whole`` as returned, where the parts of its sum are rounded to its dtype first; nothing if all fit in it."""
    if not model.u and all(_fits(model, part) for part in (whole, *parts)):
        return whole
    rounded = [returned(model, part) for part in parts]
    extra = sum(new.error - old.error for new, old in zip(rounded, parts, strict=True))
    return returned(model, Bounded(whole.value, whole.error + extra))


def _fits(model: Model, part: Bounded) -> bool:
    """Whether every value is an exact number of the dtype of results."""
    fraction, _ = np.frexp(part.value)
    scaled = fraction / model.u_in
    return not part.error.any() and bool((scaled == np.rint(scaled)).all())


def adapter_gradient_bounds(
    model: Model,
    linear: Model,
    adapter: Adapter,
    bases: Mapping[str, Base],
    x: Array,
    dy: Mapping[str, Array],
    routing: Routing,
    *,
    training: bool,
) -> dict[str, Bounded]:
    """Every gradient of ADP-5 for tokens [T, D] and dy [T, M_τ], by parameter name and ``"x"``.

    dg_p is one sum over targets and rows. In dx, what each base, each table u and the routing give may be rounded to
    the dtype of x, and so may their partial sums.
    """
    config, alpha, ids, gate = adapter.config, adapter.config.alpha, routing.ids, routing.gate
    terms_of_x = config.heads * config.d_key + sum(d.shape[-1] + _rows(adapter) for d in dy.values())
    grads, dx, dgates = {}, [], []
    for target, upstream in dy.items():
        names = [f"targets.{target}.{table}" for table in "uv"]
        inner = _inner(linear, adapter, target, "u", x, ids)
        z = _inner(model, adapter, target, "v", upstream, ids)
        weights = {"u": _joined(model, alpha, gate, z), "v": _joined(model, alpha, gate, inner)}
        for name, other in zip(names, (x, upstream), strict=True):
            grads[name] = _table(model, adapter.params[name].shape, ids, weights[name[-1]], other)
        rows = given(adapter.params[names[0]][ids])
        dx.append(contract(model, "thkr,thkrd->td", weights["u"], rows, terms_of_x))
        dx.append(contract(model, "md,tm->td", given(bases[target].weight), given(upstream), terms_of_x))
        dgates.append(_dgate(model, alpha, inner, z, config.rank * len(dy)))
    for target in adapter.config.targets.keys() - dy.keys():
        grads |= {name: given(np.zeros(adapter.params[name].shape)) for name in _tables(target)}
    ones, dgate = np.ones(len(x), bool), one_sum(*dgates)
    router = routing_gradients(model, adapter.routing_layer(), routing, dgate, x, ones, terms_of_x, training=training)
    dx.append(router.pop("x"))
    grads |= router
    own = model.returning(adapter.params["keys"].dtype)
    return {name: returned(own, grad) for name, grad in grads.items()} | {"x": _sum_of_parts(model, dx)}


def _tables(target: str) -> list[str]:
    return [f"targets.{target}.{table}" for table in "uv"]


def _dgate(model: Model, alpha: float, inner: Bounded, z: Bounded, terms: int) -> Bounded:
    """α Σ_ρ (u_ρ·x)(v_ρ·dy), [T, h, k], the part of one target in a sum of ``terms``."""
    size = abs(alpha) * inner.size * z.size
    propagated = abs(alpha) * (np.abs(inner.value) * z.error + inner.error * z.reach)
    error = propagated + (2 * model.step + model.gamma(terms)) * size + np.where(size > 0, 2 * model.tiny, 0.0)
    return Bounded((alpha * inner.value * z.value).sum(-1), error.sum(-1), size.sum(-1))


def _table(model: Model, shape: tuple[int, ...], ids: Array, weights: Bounded, tokens: Array) -> Bounded:
    """Σ over the uses of each expert of weight · token, for each of its rows."""
    terms = multiply(model, weights[..., None], given(tokens[:, None, None, None, :]))
    return scatter_sum(model, shape, ids, terms)


def _sum_of_parts(model: Model, parts: list[Bounded]) -> Bounded:
    """The sum, in which each part and each partial sum may be rounded to the dtype of results."""
    whole, rounded = one_sum(*parts), [returned(model, part) for part in parts]
    size = sum(part.reach for part in rounded)
    extra = sum(new.error - old.error for new, old in zip(rounded, parts, strict=True))
    narrow = (len(parts) - 1) * model.u_in / (1 - len(parts) * model.u_in) * size
    return returned(model, Bounded(whole.value, whole.error + extra + narrow))
