"""What the tensors do not show: stated by the reader, and checked against what the project and SPEC.md know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from peerspec.files.shown import shown
from peerspec.interchange.errors import InterchangeError, Obstacle, Reason
from peerspec.interchange.layout import Fact, Layout
from peerspec.reference import PeerConfig

__all__ = ["check_conditions", "check_facts", "fields_of"]

_FIELDS = ("top_k", "activation", "gate")
"""The fields of a configuration that no tensor shows."""


def check_facts(layout: Layout, facts: Mapping[str, Any]) -> None:
    """Check that the facts of a layout are stated, each of them and no other.

    Raises:
        InterchangeError: a fact is missing or unknown, or has a value that a layer cannot have.
    """
    names = [fact.name for fact in layout.facts]
    for name in facts:
        if name not in names:
            obstacle = Obstacle(f"this is no fact of {layout.source.project}", f"state {', '.join(names)}")
            raise InterchangeError(Reason.UNKNOWN_FACT, layout.name, shown(name), obstacle)
    for fact in layout.facts:
        if fact.name not in facts:
            obstacle = Obstacle("the tensors do not show this", f"state it; in {layout.source.project}: {fact.told}")
            raise InterchangeError(Reason.MISSING_FACT, layout.name, fact.name, obstacle)
        _check_value(layout, fact, facts[fact.name])


def _check_value(layout: Layout, fact: Fact, value: Any) -> None:
    if isinstance(value, str) and value in fact.refused:
        raise InterchangeError(Reason.NO_COUNTERPART, layout.name, f"{fact.name} {value}", fact.refused[value])
    if not fact.takes and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
        what = f"it must be a whole number of at least 1, got {shown(value)}"
    elif fact.takes and value not in fact.takes:
        what = f"it must be {' or '.join(fact.takes)}, got {shown(value)}, and no layer has another"
    else:
        return
    obstacle = Obstacle(what, f"state it; in {layout.source.project}: {fact.told}", _clause(fact.name))
    raise InterchangeError(Reason.WRONG_FACT, layout.name, fact.name, obstacle)


def _clause(name: str) -> str:
    return {"activation": "ACT-1", "gate": "GAT-1", "top_k": "CFG-3"}.get(name, "")


def check_conditions(layout: Layout, config: PeerConfig, facts: Mapping[str, Any], *, reason: Reason) -> None:
    """Check what the layout demands of a configuration.

    Raises:
        InterchangeError: with ``reason``, if a condition does not hold.
    """
    for condition in layout.conditions:
        if not condition.holds(config, facts):
            raise InterchangeError(reason, layout.name, condition.subject, condition.obstacle)


def fields_of(layout: Layout, facts: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a configuration that the facts and the project decide."""
    return {name: value for name, value in {**layout.fixed, **facts}.items() if name in _FIELDS}
