"""The kinds that data of the suite have: stages, trials, statuses and reasons."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Level", "Reason", "Stage", "Status", "TrialKind"]


class Stage(StrEnum):
    """The part of the layer, or of the answer, that a check looks at."""

    STRUCTURE = "structure"
    INDEPENDENCE = "independence"
    QUERY = "query"
    QUERY_NORM = "query norm"
    SCORE = "score"
    SELECTION = "selection"
    TIE = "tie"
    GATE = "gate"
    EXPERT = "expert"
    ACTIVATION = "activation"
    ACCUMULATION = "accumulation"
    NON_FINITE = "non-finite"
    GRADIENT = "gradient"
    PARAMETERS = "parameters"


class Level(StrEnum):
    """How much a backend takes (CNF-4)."""

    FULL = "full"
    BASE = "base"


class TrialKind(StrEnum):
    """What a trial calls: the layer, its gradients, the selection, growth, steps on a part of the layer, an adapter, or
    a layer of chapter 15.

    A designed case is a row of the covering array; explored cases are drawn by Hypothesis. Several checks examine each.
    """

    LAYER = "layer"
    GRADIENTS = "gradients"
    SELECTION = "selection"
    GROWTH = "growth"
    TRAINABLE = "trainable"
    COMPARISON = "comparison"
    ADAPTER = "adapter"
    DESIGNED = "designed"
    EXPLORATION = "exploration"


class Status(StrEnum):
    """The kind of a finding."""

    PASS = "pass"
    FAIL = "fail"
    ERROR = "error"
    NOT_CLAIMED = "not claimed"
    WAIVED = "waived"


class Reason(StrEnum):
    """Why a finding has another status than pass."""

    VIOLATION = "violation"
    BLOCKED = "blocked by another failure"
    UNDECIDED = "undecided"
    NO_ANSWER = "no answer"
    STALE_WAIVER = "stale waiver"
    PROFILE_NOT_CLAIMED = "profile not claimed"
    CONFIGURATION_DECLINED = "configuration declined"
    ROUTING_NOT_SHOWN = "routing not shown"
    WAIVER = "waiver"
    NEWER_THAN_SPEC = "newer than the spec"
