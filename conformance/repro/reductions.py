"""Ways to make a failing case smaller: each yields strictly smaller cases, the smallest first.

A reduction removes tokens, heads, sub-keys or features, drops low bits, or sets values to zero. So an exact case stays
exact (PRC-5), and every sequence of reductions ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import product
from typing import Any, TypeVar

import numpy as np

from peerspec.conformance.cases.adapter_case import AdapterCase
from peerspec.conformance.cases.case import Array, Case, ComparisonCase, Halves, Subject
from peerspec.conformance.cases.layouts import laid_out, layout, like
from peerspec.conformance.repro.adapter_reductions import ADAPTER_REDUCTIONS
from peerspec.conformance.repro.deltas import Indices, fewer, fewer_of_two, shorter, simpler
from peerspec.reference import Layer
from peerspec.reference.comparison import ComparisonLayer

__all__ = ["reductions"]


def reductions(subject: Subject) -> tuple[Callable[[Any], Iterator[Any]], ...]:
    """The reductions for this kind of subject, the most effective first."""
    return _REDUCTIONS[type(subject)]


Tokens = TypeVar("Tokens", bound=Case | ComparisonCase)

# -- a layer and its tokens


def _tokens(case: Tokens) -> Iterator[Tokens]:
    """No mask, rows in memory, no leading axes, then fewer tokens along each axis."""
    if case.mask is not None:
        yield replace(case, mask=None)
    if layout(case.x) != "rows":
        yield replace(case, x=laid_out(case.x, "rows"))
    if case.x.ndim > 2:
        lead = case.x.ndim - 1
        yield _on_tokens(case, lambda a: a.reshape(-1, *a.shape[lead:]))
    for axis, size in enumerate(case.x.shape[:-1]):
        half = size // 2 if size % 2 == 0 else 0
        pairs = ([*part, *(half + i for i in part)] for part in fewer(half))  # some cases hold x and −x
        for indices in (*fewer(size), *pairs):
            yield _on_tokens(case, partial(_taking, indices=indices, axis=axis))


def _taking(a: Array, indices: Indices, axis: int) -> Array:
    return a.take(indices, axis)


def _on_tokens(case: Tokens, change: Callable[[Array], Array]) -> Tokens:
    parts = {"x": case.x, "mask": case.mask, "dy": case.dy}
    changed: dict[str, Any] = {name: like(part, change(part)) for name, part in parts.items() if part is not None}
    return replace(case, **changed)


def _layer(case: Case, params: dict[str, Array], **config: Any) -> Case:
    old = case.layer.params
    params = dict(old) | {name: like(old[name], array) for name, array in params.items()}
    return replace(case, layer=Layer(replace(case.layer.config, **config), params))


def _taken(case: Case, indices: Indices, axes: dict[str, int]) -> dict[str, Array]:
    """The parameters cut to these indices; ``axes`` gives the axis by the beginning of their names."""
    return {
        name: array.take(indices, axis)
        for prefix, axis in axes.items()
        for name, array in case.layer.params.items()
        if name.startswith(prefix)
    }


def _heads(case: Case) -> Iterator[Case]:
    config = case.layer.config
    for indices in fewer(config.heads):
        own = {"keys": 0} if config.key_heads > 1 else {}
        yield _layer(
            case,
            _taken(case, indices, {"query": 0} | own),
            heads=len(indices),
            key_heads=len(indices) if own else 1,
        )


def _top_k(case: Case) -> Iterator[Case]:
    for k in shorter(case.layer.config.top_k):
        yield _layer(case, {}, top_k=k)


def _experts(case: Case) -> Iterator[Case]:
    """Fewer sub-keys on each side, and their pairs as experts."""
    config = case.layer.config
    for first, second in fewer_of_two(config.n):
        rows = [i * config.n + j for i, j in product(first, second)]
        keys = case.layer.params["keys"]
        params = _taken(case, rows, {"experts.": 0}) | {
            "keys": np.stack([keys[:, 0].take(first, 1), keys[:, 1].take(second, 1)], 1)
        }
        yield _layer(case, params, num_experts=len(rows), top_k=min(config.top_k, len(rows)))


def _query(case: Case) -> Iterator[Case]:
    """Fewer features in each half of the query."""
    half = case.layer.config.d_key // 2
    for first, second in fewer_of_two(half):
        both = [*first, *(half + i for i in second)]
        keys = case.layer.params["keys"]
        params = _taken(case, both, {"query": 1}) | {
            "keys": np.stack([keys[:, 0].take(first, -1), keys[:, 1].take(second, -1)], 1)
        }
        yield _layer(case, params, d_key=len(both))


def _width(case: Case) -> Iterator[Case]:
    for indices in fewer(case.layer.config.d_model):
        params = _taken(case, indices, {"query.weight": 2, "experts.u": 1, "experts.w": 1})
        yield replace(_layer(case, params, d_model=len(indices)), x=like(case.x, case.x.take(indices, -1)))


def _outputs(case: Case) -> Iterator[Case]:
    for indices in fewer(case.layer.config.d_out):
        smaller = _layer(case, _taken(case, indices, {"experts.v": 1}), d_out=len(indices))
        yield smaller if case.dy is None else replace(smaller, dy=like(case.dy, case.dy.take(indices, -1)))


def _values(case: Case) -> Iterator[Case]:
    tensors = dict(case.layer.params) | {"x": case.x} | ({} if case.dy is None else {"dy": case.dy})
    for changed in simpler(tensors):
        own: dict[str, Any] = {name: like(tensors[name], changed.pop(name)) for name in ("x", "dy") if name in changed}
        yield replace(_layer(case, changed), **own)


# -- a layer of chapter 15


def _compared_outputs(case: ComparisonCase) -> Iterator[ComparisonCase]:
    """Fewer features of y."""
    names = [name for name in case.layer.params if name in ("v", "experts.v", "values")]
    for indices in fewer(case.layer.config.d_out):
        taken = {name: case.layer.params[name].take(indices, -1) for name in names}
        smaller = _compared(case, taken, d_out=len(indices))
        yield smaller if case.dy is None else replace(smaller, dy=like(case.dy, case.dy.take(indices, -1)))


def _neurons(case: ComparisonCase) -> Iterator[ComparisonCase]:
    """Fewer neurons of a block."""
    for indices in fewer(getattr(case.layer.config, "d_hidden", 0)):
        tables = {name: array.take(indices, -2) for name, array in case.layer.params.items() if name[-1] in "uvw"}
        yield _compared(case, tables, d_hidden=len(indices))


def _compared_values(case: ComparisonCase) -> Iterator[ComparisonCase]:
    tensors = dict(case.layer.params) | {"x": case.x} | ({} if case.dy is None else {"dy": case.dy})
    for changed in simpler(tensors):
        own: dict[str, Any] = {name: like(tensors[name], changed.pop(name)) for name in ("x", "dy") if name in changed}
        yield replace(_compared(case, changed), **own)


def _compared(case: ComparisonCase, params: dict[str, Array], **config: Any) -> ComparisonCase:
    old = case.layer.params
    params = dict(old) | {name: like(old[name], array) for name, array in params.items()}
    return replace(case, layer=ComparisonLayer(replace(case.layer.config, **config), params))


# -- half scores


def _rows(halves: Halves) -> Iterator[Halves]:
    if halves.scores1.ndim > 2:
        n = halves.scores1.shape[-1]
        yield _on_halves(halves, lambda a: a.reshape(-1, n))
    for axis, size in enumerate(halves.scores1.shape[:-1]):
        for indices in fewer(size):
            yield _on_halves(halves, partial(_taking, indices=indices, axis=axis))


def _on_halves(halves: Halves, change: Callable[[Array], Array]) -> Halves:
    return _with_scores(halves, change(halves.scores1), change(halves.scores2), halves.k)


def _with_scores(halves: Halves, scores1: Array, scores2: Array, k: int) -> Halves:
    return Halves(halves.name, like(halves.scores1, scores1), like(halves.scores2, scores2), k)


def _fewer_experts(halves: Halves) -> Iterator[Halves]:
    for k in shorter(halves.k):
        yield replace(halves, k=k)


def _sub_keys(halves: Halves) -> Iterator[Halves]:
    for first, second in fewer_of_two(halves.scores1.shape[-1]):
        s1, s2 = halves.scores1.take(first, -1), halves.scores2.take(second, -1)
        yield _with_scores(halves, s1, s2, min(halves.k, len(first) ** 2))


def _scores(halves: Halves) -> Iterator[Halves]:
    old = {"scores1": halves.scores1, "scores2": halves.scores2}
    for changed in simpler(old):
        new = old | changed
        yield _with_scores(halves, new["scores1"], new["scores2"], halves.k)


_REDUCTIONS: dict[type, tuple[Callable[[Any], Iterator[Any]], ...]] = {
    Case: (_tokens, _heads, _top_k, _experts, _query, _width, _outputs, _values),
    AdapterCase: ADAPTER_REDUCTIONS,
    Halves: (_rows, _fewer_experts, _sub_keys, _scores),
    ComparisonCase: (_tokens, _compared_outputs, _neurons, _compared_values),
}
