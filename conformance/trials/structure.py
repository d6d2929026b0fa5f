"""The structure of an answer: shapes, dtypes, ids and state, checked without computing a layer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from peerspec.conformance.cases.case import Array, Case
from peerspec.conformance.hosts.call import Answer
from peerspec.conformance.problems import Hint, HintKind, Problem, ProblemKind, Violation
from peerspec.conformance.trials.finite import certainly_finite
from peerspec.reference import Output, compute_dtype

__all__ = ["ID_DTYPES", "dtype_problem", "form_violations", "harm", "shape_problem", "violations"]

ID_DTYPES = (np.dtype(np.int64), np.dtype(np.int32))
"""The dtypes that ids may have (PRC-3)."""


def violations(case: Case, out: Output) -> list[Violation]:
    """Everything wrong with the structure of an answer, the most severe first."""
    return form_violations(case, out) or [*_ids(case, out), *_state(case, out)]


def form_violations(case: Case, out: Output) -> list[Violation]:
    """What is wrong with shapes and dtypes; without these right, no value can be read."""
    return [*_shapes(case, out), *_dtypes(case, out)]


def shape_problem(part: str, expected: tuple[int, ...], got: tuple[int, ...], *hints: Hint) -> Problem:
    """An array of another shape."""
    return Problem(ProblemKind.SHAPE, {"part": part, "expected": expected, "got": got}, hints=hints)


def dtype_problem(part: str, expected: tuple[np.dtype[Any], ...], got: np.dtype[Any]) -> Problem:
    """An array of another dtype."""
    names = " or ".join(map(str, expected))
    return Problem(ProblemKind.DTYPE, {"part": part, "expected": names, "got": str(got)})


def harm(method: str, answer: Answer) -> Violation | None:
    """What a call changed that it must not: its own inputs (IND-2), or what earlier calls got and returned (IND-4)."""
    if answer.modified:
        return Violation(
            "IND-2", Problem(ProblemKind.INPUT_MODIFIED, {"method": method, "names": list(answer.modified)})
        )
    if not answer.changed:
        return None
    given, earlier = answer.changed[0].given, answer.changed[0].method
    kind = ProblemKind.EARLIER_INPUT_CHANGED if given else ProblemKind.EARLIER_RESULT_CHANGED
    names = [found.part for found in answer.changed if (found.given, found.method) == (given, earlier)]
    return Violation("IND-4", Problem(kind, {"method": method, "earlier": earlier, "names": names}))


def _shapes(case: Case, out: Output) -> Iterator[Violation]:
    config, lead = case.layer.config, case.x.shape[:-1]
    routing = {"scores": out.scores, "indices": out.indices, "gates": out.gates}
    missing = [name for name, part in routing.items() if part is None]
    if 0 < len(missing) < len(routing):
        yield Violation("CNF-3", Problem(ProblemKind.ROUTING_INCOMPLETE, {"missing": missing}))
    expected = {"y": (*lead, config.d_out)} | dict.fromkeys(routing, (*lead, config.heads, config.top_k))
    for name, shape in expected.items():
        part = getattr(out, name)
        if part is None or part.shape == shape:
            continue
        if name in routing and part.shape[:-1] == shape[:-1]:
            values = {"part": name, "expected": config.top_k, "got": part.shape[-1]}
            yield Violation("SEL-6", Problem(ProblemKind.EXPERT_COUNT, values))
        else:
            x = Hint(HintKind.X_SHAPE, {"x": case.x.shape})
            yield Violation("SHP-1", shape_problem(name, shape, part.shape, x))


def _dtypes(case: Case, out: Output) -> Iterator[Violation]:
    dtype, inside = case.x.dtype, compute_dtype(case.layer.dtype)
    if out.y.dtype != dtype:
        yield Violation("PRC-6", dtype_problem("y", (dtype,), out.y.dtype))
    for name in ("scores", "gates"):
        part = getattr(out, name)
        if part is not None and part.dtype != inside:
            yield Violation("PRC-3", dtype_problem(name, (inside,), part.dtype))
    if out.indices is not None and out.indices.dtype not in ID_DTYPES:
        yield Violation("PRC-3", dtype_problem("indices", ID_DTYPES, out.indices.dtype))


def _ids(case: Case, out: Output) -> Iterator[Violation]:
    if out.indices is None or not out.indices.size:
        return
    last = case.layer.config.num_experts - 1
    low, high = int(out.indices.min()), int(out.indices.max())
    if low < 0 or high > last:
        problem = Problem(ProblemKind.ID_OUT_OF_RANGE, {"last": last, "low": low, "high": high})
        yield Violation("SEL-7" if np.isfinite(case.x.astype(np.float64)).all() else "NFT-3", problem)
    elif repeated := _repeated(case, out.indices):
        yield Violation("SEL-7", Problem(ProblemKind.ID_REPEATED, {"got": repeated}))


def _repeated(case: Case, ids: Array) -> list[int] | None:
    """The ids of the first token and head with repeated ids and finite half scores."""
    config = case.layer.config
    ids = ids.reshape(-1, config.heads, config.top_k)
    ordered = np.sort(ids, -1)
    bad = (ordered[..., 1:] == ordered[..., :-1]).any(-1)
    if bad.any():  # which is rare, so that half scores are rarely computed
        bad &= certainly_finite(case)
    return [int(i) for i in ids[bad][0]] if bad.any() else None


def _state(case: Case, out: Output) -> Iterator[Violation]:
    config, state = case.layer.config, out.state or {}
    names = {"query_norm.mean", "query_norm.var"} if case.training and config.query_norm == "batch" else set()
    if set(state) != names:
        values = {"expected": sorted(names), "got": sorted(state)}
        yield Violation("NRM-3", Problem(ProblemKind.STATE_NAMES, values))
        return
    shape, dtype = (config.heads, config.d_key), compute_dtype(case.layer.dtype)
    for name in sorted(names):
        if state[name].shape != shape:
            yield Violation("NRM-3", shape_problem(f"state {name}", shape, state[name].shape))
        elif state[name].dtype != dtype:
            yield Violation("PRC-3", dtype_problem(f"state {name}", (dtype,), state[name].dtype))
