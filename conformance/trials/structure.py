"""Shapes, formats and ids: what can be said of an answer without computing a layer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from peerspec.conformance.cases.case import Array, Case
from peerspec.reference import Output, compute_dtype

__all__ = ["form_problems", "problems"]


def problems(case: Case, out: Output) -> list[tuple[str, str]]:
    """Every structural fault of an answer, as (clause, sentence), the gravest first."""
    return form_problems(case, out) or [*_ids(case, out), *_state(case, out)]


def form_problems(case: Case, out: Output) -> list[tuple[str, str]]:
    """Those of shapes and formats, which leave nothing to read; the ids may still be any numbers."""
    return [*_shapes(case, out), *_formats(case, out)]


def _shapes(case: Case, out: Output) -> Iterator[tuple[str, str]]:
    config, lead = case.layer.config, case.x.shape[:-1]
    routing = {"scores": out.scores, "indices": out.indices, "gates": out.gates}
    if len({part is None for part in routing.values()}) > 1:
        missing = ", ".join(name for name, part in routing.items() if part is None)
        yield "CNF-3", f"the trace must be whole or absent, but {missing} is None"
    expected = {"y": (*lead, config.d_out)} | dict.fromkeys(routing, (*lead, config.heads, config.top_k))
    for name, shape in expected.items():
        part = getattr(out, name)
        if part is None or part.shape == shape:
            continue
        if name in routing and part.shape[:-1] == shape[:-1]:
            k = config.top_k
            yield "SEL-6", f"{name} must list k = {k} experts for each token and head, got {part.shape[-1]}"
        else:
            yield "SHP-1", f"{name} must have shape {shape} for x of shape {case.x.shape}, got {part.shape}"


def _formats(case: Case, out: Output) -> Iterator[tuple[str, str]]:
    dtype, compute_dtype = case.layer.dtype, _compute_dtype(case)
    if out.y.dtype != dtype:
        yield "PRC-1", f"y must have the format of the input, {dtype}, got {out.y.dtype}"
    for name in ("scores", "gates"):
        part = getattr(out, name)
        if part is not None and part.dtype != compute_dtype:
            yield "PRC-3", f"{name} must have the compute dtype, {compute_dtype}, got {part.dtype}"
    if out.indices is not None and out.indices.dtype not in (np.int64, np.int32):
        yield "PRC-3", f"indices must be int64 or int32, got {out.indices.dtype}"


def _compute_dtype(case: Case) -> np.dtype[Any]:
    return compute_dtype(case.layer.dtype)


def _ids(case: Case, out: Output) -> Iterator[tuple[str, str]]:
    if out.indices is None or not out.indices.size:
        return
    count = case.layer.config.num_experts
    low, high = int(out.indices.min()), int(out.indices.max())
    if low < 0 or high >= count:
        finite = np.isfinite(case.x.astype(np.float64)).all()
        clause = "SEL-5" if finite else "NFT-3"
        yield clause, f"ids must lie in 0..{count - 1}, got {low}..{high}"
        return
    rows = np.isfinite(case.x.astype(np.float64)).all(-1)
    if repeated := _repeated(out.indices[rows]):
        yield "SEL-5", f"the ids of one head must be distinct, got {repeated}"


def _repeated(ids: Array) -> list[int] | None:
    ordered = np.sort(ids, -1).reshape(-1, ids.shape[-1])
    bad = (ordered[:, 1:] == ordered[:, :-1]).any(-1)
    return [int(i) for i in ids.reshape(-1, ids.shape[-1])[bad][0]] if bad.any() else None


def _state(case: Case, out: Output) -> Iterator[tuple[str, str]]:
    config = case.layer.config
    names = {"query_norm.mean", "query_norm.var"} if case.training and config.query_norm == "batch" else set()
    got = set(out.state or {})
    if got != names:
        yield (
            "NRM-3",
            f"the returned state must hold {sorted(names) or 'nothing'}, got {sorted(got) or 'nothing'}",
        )
        return
    for name in sorted(names):
        part, shape, compute_dtype = (out.state or {})[name], (config.heads, config.d_key), _compute_dtype(case)
        if part.shape != shape:
            yield "NRM-3", f"state {name} must have shape {shape}, got {part.shape}"
        elif part.dtype != compute_dtype:
            yield "PRC-3", f"state {name} must have the compute dtype, {compute_dtype}, got {part.dtype}"
