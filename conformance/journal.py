"""The journal of a run of cases: one row after each case."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from peerspec.conformance.finding_json import finding_of, row_of
from peerspec.conformance.journal_file import JournalFile
from peerspec.conformance.order import Unit
from peerspec.conformance.outcome import Outcome
from peerspec.conformance.support import Answered
from peerspec.reference import PeerConfig

__all__ = ["Journal"]

_TYPES: dict[str, Any] = {"executed": bool, "share": int | float, "declined": str, "without_routing": bool}
"""What an outcome must hold, so that the rest of the run can use it."""


class Journal:
    """The outcomes of finished cases, in memory and in a file that grows; arguments and errors as ``JournalFile``.

    Attributes:
        file: the file.
        support: the answers of ``supports`` in the file.
    """

    def __init__(self, path: Path, about: Mapping[str, str], warn: Callable[[str], None] = warnings.warn) -> None:
        self.support: list[Answered] = []
        self._found: dict[tuple[str, ...], dict[str, Outcome]] = {}
        self.file = JournalFile(path, about, self._read, warn)

    def outcomes(self, unit: Unit) -> Mapping[str, Outcome] | None:
        """The outcomes of a unit by check; None if the unit is not finished."""
        return self._found.get(unit.key)

    def write(self, unit: Unit, found: Mapping[str, Outcome], support: list[Answered]) -> None:
        """The outcomes of a finished unit by check, and the new answers of ``supports``."""
        checks = {id: _row(outcome) for id, outcome in found.items()}
        self.file.write({"unit": unit.key, "checks": checks, "support": support})

    def _read(self, row: dict[str, Any]) -> None:
        self._found[tuple(row["unit"])] = {id: _outcome(values) for id, values in row["checks"].items()}
        self.support += [_answered(*answered) for answered in row["support"]]


def _row(outcome: Outcome) -> dict[str, Any]:
    """The fields that are not those of an empty outcome."""
    row: dict[str, Any] = {name: value for name, value in vars(outcome).items() if value}
    return row | ({"finding": row_of(outcome.finding)} if outcome.finding else {})


def _outcome(row: dict[str, Any]) -> Outcome:
    outcome = Outcome(**row | ({"finding": finding_of(row["finding"])} if "finding" in row else {}))
    if not all(isinstance(getattr(outcome, name), kind) for name, kind in _TYPES.items()):
        raise TypeError
    return outcome


def _answered(precision: str, config: str, answer: bool | str | None) -> Answered:
    if not isinstance(precision, str) or not isinstance(answer, bool | str | None):
        raise TypeError
    PeerConfig.from_json(config)
    return Answered(precision, config, answer)
