"""Bookkeeping: figures by operator, survivors with their explanations, and what is missing or left over."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mutant import Key
from trials import SURVIVED, TIMED_OUT, Trial

__all__ = ["Books", "explanations", "last_survivors"]


def explanations(path: Path) -> dict[Key, str]:
    """Why each survivor is right, by its key.

    The file is a list of groups: ``{"why": …, "survivors": [{"file", "function", "text", "change"}, …]}``.

    Raises:
        ValueError: a survivor is explained twice, or with an empty text.
    """
    found: dict[Key, str] = {}
    for group in json.loads(path.read_text("utf-8")):
        for place in group["survivors"]:
            key = (place["file"], place["function"], place["text"], place["change"])
            if key in found or not group["why"].strip():
                raise ValueError(f"{path.name} must explain a survivor once and with words, got {place}")
            found[key] = group["why"]
    return found


def last_survivors(path: Path) -> set[Key]:
    """The keys of the survivors in a file of results."""
    rows = json.loads(path.read_text("utf-8"))["survivors"]
    return {(row["file"], row["function"], row["text"], row["change"]) for row in rows}


@dataclass(frozen=True)
class Books:
    """The trials of a run, with the explanations.

    Attributes:
        whole: whether all mutants had a trial, so that an explanation without a survivor is left over.
    """

    trials: Sequence[Trial]
    explained: dict[Key, str]
    whole: bool

    @property
    def survivors(self) -> list[Trial]:
        """The mutants in which the suite found nothing, and the explained ones that gave no answer within the limit.

        A change that makes an implementation slow, and is explained, is no defect that the suite found.
        """
        return [trial for trial in self.trials if self._survives(trial)]

    def _survives(self, trial: Trial) -> bool:
        return trial.found == SURVIVED or (trial.found == TIMED_OUT and trial.mutant.key in self.explained)

    @property
    def unexplained(self) -> list[Trial]:
        """The survivors without an explanation."""
        return [trial for trial in self.survivors if trial.mutant.key not in self.explained]

    @property
    def left_over(self) -> list[Key]:
        """Explanations of mutants that do not survive; of a whole run also those of mutants that do not exist."""
        survived, tried = ({trial.mutant.key for trial in part} for part in (self.survivors, self.trials))
        return [key for key in self.explained if key not in survived and (self.whole or key in tried)]

    @property
    def balanced(self) -> bool:
        """Whether every survivor is explained, and every explanation names a survivor."""
        return not (self.unexplained or self.left_over)

    def operators(self) -> dict[str, dict[str, int]]:
        """Made, killed and survived by operator, and how many survivors are explained."""
        found: dict[str, dict[str, int]] = {}
        unexplained = {id(trial) for trial in self.unexplained}
        for trial in self.trials:
            row = found.setdefault(trial.mutant.operator, dict.fromkeys(("made", "killed", "survived", "explained"), 0))
            survives = self._survives(trial)
            row["made"] += 1
            row["survived" if survives else "killed"] += 1
            row["explained"] += survives and id(trial) not in unexplained
        return dict(sorted(found.items()))

    def as_json(self, **facts: Any) -> dict[str, Any]:
        """The results as they are written."""
        return {
            **facts,
            "whole": self.whole,
            "made": len(self.trials),
            "survived": len(self.survivors),
            "unexplained": len(self.unexplained),
            "survived an earlier suite": sum(trial.earlier for trial in self.survivors),
            "operators": self.operators(),
            "targets": self._targets(),
            "survivors": [self._survivor(trial) for trial in self.survivors],
        }

    def _targets(self) -> dict[str, dict[str, int]]:
        names = dict.fromkeys(trial.mutant.target for trial in self.trials)
        made = {name: sum(trial.mutant.target == name for trial in self.trials) for name in names}
        survived = {name: sum(trial.mutant.target == name for trial in self.survivors) for name in names}
        return {name: {"made": made[name], "survived": survived[name]} for name in names}

    def _survivor(self, trial: Trial) -> dict[str, Any]:
        mutant = trial.mutant
        facts = {"target": mutant.target, "line": mutant.line, "operator": mutant.operator}
        return facts | mutant.place | {"why": self.explained.get(mutant.key, "")}
