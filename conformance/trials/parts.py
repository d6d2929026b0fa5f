"""The arrays of an answer by name, and the first that differs between two answers to one question."""

from __future__ import annotations

from typing import Any

from peerspec.conformance.cases.case import Array
from peerspec.conformance.hosts.arguments import same_bits
from peerspec.reference import Output, Selection

__all__ = ["moved", "parts"]


def parts(answer: Any) -> dict[str, Array]:
    """The arrays of an ``Output``, a ``Selection`` or a dict, in the order of the stages; no part that is None."""
    if isinstance(answer, Selection):
        return {"indices": answer.indices, "scores": answer.scores}
    if not isinstance(answer, Output):
        return dict(answer)
    routing = {name: getattr(answer, name) for name in ("indices", "scores", "gates", "y")}
    return {name: part for name, part in routing.items() if part is not None} | (answer.state or {})


def moved(first: Any, second: Any) -> str | None:
    """The first part whose bits differ, or that only one answer has."""
    ours, theirs = parts(first), parts(second)
    for name in (*ours, *(theirs.keys() - ours.keys())):
        if name not in ours or name not in theirs or not same_bits(ours[name], theirs[name]):
            return name
    return None
