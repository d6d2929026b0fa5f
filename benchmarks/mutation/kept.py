"""Trials kept in a file: a run that was interrupted, or is repeated with a larger suite, does not start again.

A mutant that was found stays found. One that survived is tried again when the suite has changed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from mutant import Mutant
from targets import ROOT, TARGETS
from trials import SURVIVED, Trial

__all__ = ["Kept", "suite"]

SUITE = ("conformance", "reference", "backends/process", "backends/*.py")
LETTERS = 16
"""Of a digest: enough for thousands of mutants."""


def suite() -> str:
    """What the verdict on a mutant depends on, besides the mutant: the sources and the data of the suite."""
    digest = hashlib.sha256()
    for place in SUITE:
        for path in sorted(each for found in ROOT.glob(place) for each in (found, *found.rglob("*"))):
            if path.suffix in (".py", ".json"):
                digest.update(path.relative_to(ROOT).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:LETTERS]


class Kept:
    """Findings by the identity of a mutant, in lines of JSON; a new line for each trial."""

    def __init__(self, path: Path, suite: str) -> None:
        self.path, self.suite = path, suite
        lines = path.read_text("utf-8").splitlines() if path.exists() else []
        rows = [json.loads(line) for line in lines]
        self.found = {row["mutant"]: row["found"] for row in rows if row["found"] != SURVIVED or row["suite"] == suite}

    def trial(self, mutant: Mutant) -> Trial | None:
        """The trial that the file holds."""
        found = self.found.get(identity(mutant))
        return None if found is None else Trial(mutant, found, 0.0)

    def add(self, trial: Trial) -> None:
        """Write a trial down at once."""
        row = {"mutant": identity(trial.mutant), "found": trial.found, "suite": self.suite}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    def split(self, mutants: Iterable[Mutant]) -> tuple[list[Trial], list[Mutant]]:
        """The trials that are kept, and the mutants without one."""
        pairs = [(mutant, self.trial(mutant)) for mutant in mutants]
        return [trial for _, trial in pairs if trial], [mutant for mutant, trial in pairs if trial is None]


def identity(mutant: Mutant) -> str:
    """A digest of all sources of a mutant."""
    texts = TARGETS[mutant.target].texts(mutant)
    return hashlib.sha256("\0".join(f"{name}\0{text}" for name, text in texts.items()).encode()).hexdigest()[:LETTERS]
