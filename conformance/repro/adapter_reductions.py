"""Ways to make a failing case of an adapter smaller, the most effective first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np

from peerspec.conformance.cases.adapter_case import AdapterCase
from peerspec.conformance.cases.case import Array
from peerspec.conformance.cases.layouts import like
from peerspec.conformance.repro.deltas import fewer, fewer_of_two, shorter, simpler
from peerspec.reference import Base, Layer

__all__ = ["ADAPTER_REDUCTIONS"]


def _targets(case: AdapterCase) -> Iterator[AdapterCase]:
    """One target less, with its tables."""
    for left in case.adapter.config.targets if len(case.bases) > 1 else ():
        yield replace(
            case,
            tables=_without(case.tables, left),
            bases={name: base for name, base in case.bases.items() if name != left},
            upstream={name: dy for name, dy in case.upstream.items() if name != left},
        )


def _without(tables: Mapping[str, Array], target: str) -> dict[str, Array]:
    return {name: table for name, table in tables.items() if name.split(".")[1] != target}


def _tokens(case: AdapterCase) -> Iterator[AdapterCase]:
    """No leading axes, then fewer tokens along each axis."""
    if case.x.ndim > 2:
        yield _on_tokens(case, lambda a: a.reshape(-1, a.shape[-1]))
    for axis, size in enumerate(case.x.shape[:-1]):
        for indices in fewer(size):
            yield _on_tokens(case, lambda a, indices=indices, axis=axis: a.take(indices, axis))


def _on_tokens(case: AdapterCase, change: Callable[..., Array]) -> AdapterCase:
    upstream = {name: like(dy, change(dy)) for name, dy in case.upstream.items()}
    return replace(case, x=like(case.x, change(case.x)), upstream=upstream)


def _ranks(case: AdapterCase) -> Iterator[AdapterCase]:
    for indices in fewer(case.rank):
        tables = {name: like(table, table.take(indices, 1)) for name, table in case.tables.items()}
        yield replace(case, rank=len(indices), tables=tables)


def _top_k(case: AdapterCase) -> Iterator[AdapterCase]:
    for k in shorter(case.layer.config.top_k):
        yield replace(case, layer=Layer(replace(case.layer.config, top_k=k), case.layer.params))


def _experts(case: AdapterCase) -> Iterator[AdapterCase]:
    """Fewer sub-keys on each side, and their pairs as experts."""
    config, params = case.layer.config, case.layer.params
    for first, second in fewer_of_two(config.n):
        rows = [i * config.n + j for i, j in product(first, second)]
        keys = np.stack([params["keys"][:, 0].take(first, 1), params["keys"][:, 1].take(second, 1)], 1)
        cut = {name: array.take(rows, 0) for name, array in params.items() if name.startswith("experts.")}
        smaller = replace(config, num_experts=len(rows), top_k=min(config.top_k, len(rows)))
        tables = {name: like(table, table.take(rows, 0)) for name, table in case.tables.items()}
        yield replace(case, layer=Layer(smaller, dict(params) | cut | {"keys": keys}), tables=tables)


def _values(case: AdapterCase) -> Iterator[AdapterCase]:
    """Simpler numbers in x, dy, the tables and the bases; the router keeps its own, which decide the selection."""
    weights = {f"bases.{name}": base.weight for name, base in case.bases.items()}
    upstream = {f"dy.{name}": dy for name, dy in case.upstream.items()}
    old = {"x": case.x} | weights | upstream | dict(case.tables)
    for changed in simpler(old):
        new = {name: like(old[name], array) for name, array in (old | changed).items()}
        bases = {name: Base(new[f"bases.{name}"], base.bias) for name, base in case.bases.items()}
        yield replace(
            case,
            x=new["x"],
            bases=bases,
            upstream={name: new[f"dy.{name}"] for name in case.upstream},
            tables={name: new[name] for name in case.tables},
        )


ADAPTER_REDUCTIONS: tuple[Callable[[Any], Iterator[Any]], ...] = (_targets, _tokens, _ranks, _top_k, _experts, _values)
