"""What is wrong with an answer, as data. ``sentences`` renders it; no code reads the rendered words."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

__all__ = ["FaultKind", "Hint", "HintKind", "Problem", "ProblemKind", "Violation"]


class ProblemKind(StrEnum):
    """The ways in which an answer can be wrong, and the reasons why a check did not run."""

    # structure
    ROUTING_INCOMPLETE = "routing incomplete"
    EXPERT_COUNT = "number of experts"
    SHAPE = "shape"
    DTYPE = "dtype"
    ID_OUT_OF_RANGE = "id out of range"
    ID_REPEATED = "id repeated"
    STATE_NAMES = "names of the state"
    INPUT_MODIFIED = "input modified"
    EARLIER_RESULT_CHANGED = "earlier result changed"
    EARLIER_INPUT_CHANGED = "input of an earlier call changed"
    GRADIENT_MISSING = "gradient missing"
    GRADIENT_UNKNOWN = "gradient unknown"
    # values
    OUT_OF_BOUND = "out of bound"
    GATES_NOT_FINITE = "gates not finite"
    GATE_SUM = "sum of the gates"
    NAN_LOST = "NaN lost"
    NOT_LINEAR = "not linear in v"
    NOT_ODD = "scores not odd"
    NONZERO_GRADIENT = "gradient of a row not selected"
    # experts
    WRONG_ID = "id of another expert"
    SCORES_NOT_BEST = "scores not the best"
    LEFT_OUT = "expert left out"
    ORDER = "order of the ids"
    SELECTED_IDS = "selected ids"
    SELECTED_SCORE = "selected score"
    # growth
    GROWN_NAMES = "names of a grown layer"
    GROWN_NO_LAYER = "grown parameters are no layer"
    GROWN_BITS = "bits of an old expert"
    GROWN_BY_STEPS = "growth by steps differs"
    GROWTH_NOT_REPEATED = "growth not repeated"
    GROWTH_NOT_REFUSED = "growth not refused"
    # trainable
    TRAINED_NAMES = "names of a trained layer"
    TRAINED_OUTSIDE = "an entry that is not trainable changed"
    NOT_TRAINED = "a trainable parameter stayed"
    TRAINED_OTHERWISE = "trained otherwise than as a part of the whole"
    TRAINING_NOT_REPEATED = "training not repeated"
    # layers of chapter 15
    COMPARISON_NAMES = "names of a comparison"
    COMPARISON_GRADIENTS = "names of gradients of a comparison"
    EXPERT_REPEATED = "expert chosen twice"
    EXPERT_LEFT_OUT = "expert not chosen"
    EXPERT_ORDER = "order of the chosen experts"
    KEPT = "kept choice"
    NOT_ELIGIBLE = "token that is not eligible chosen"
    CAPACITY = "number of chosen tokens"
    TOKEN_LEFT_OUT = "token not chosen"
    TOKEN_ORDER = "order of the chosen tokens"
    PADDING_NOT_ZERO = "y of a token that does not count"
    NOT_AS_PEER = "not as the PEER layer"
    # adapter
    ADAPTED_NAMES = "names of an adapter's answer"
    ADAPTED_ROUTING = "routing of an adapter"
    ADAPTED_BASE = "a base with a change of nothing"
    ADAPTED_ALONE = "a target follows other targets"
    ADAPTER_GRADIENT_NAMES = "names of an adapter's gradients"
    ADAPTER_NOT_REPEATED = "adapter not repeated"
    # independence
    NOT_REPEATED = "answer not repeated"
    GRADIENT_NOT_REPEATED = "gradient not repeated"
    SELECTION_NOT_REPEATED = "selection not repeated"
    STATE_NOT_REPEATED = "state not repeated"
    STALE_FOR_INPUT = "answer of another input"
    STALE_FOR_TOKENS = "answer of other tokens"
    STALE_FOR_PARAMETER = "answer of another parameter"
    STALE_FOR_CHANGE = "answer of before the change"
    TOKEN_FOLLOWS_OTHERS = "token follows others"
    OTHERS_FOLLOW_TOKEN = "others follow a token"
    NON_FINITE_SPREADS = "non-finite token spreads"
    # claims
    REFUSAL_MISSING = "refusal missing"
    NO_PRECISION = "no precision"
    TAKEN_NOT_ANSWERED = "taken and not answered"
    DECLINES_REQUIRED = "declines what is required"
    DECLINES_EACH_ACTIVATION = "declines each activation somewhere"
    # nothing to decide
    UNDECIDED = "undecided"
    STALE_WAIVER = "stale waiver"
    PROFILE_NOT_CLAIMED = "profile not claimed"
    CONFIGURATION_DECLINED = "configuration declined"
    ROUTING_NOT_SHOWN = "routing not shown"


class FaultKind(StrEnum):
    """The ways in which a backend gives no answer that can be read."""

    METHOD_MISSING = "method missing"
    RAISED = "raised"
    REFUSED = "refused"
    TIMED_OUT = "timed out"
    NOT_STARTED = "did not start"
    DIED = "process died"
    EXITED = "exited"
    WRONG_TYPE = "wrong type"
    NO_ARRAY = "no array of numbers"
    ARRAY_UNREADABLE = "array unreadable"
    PROTOCOL = "protocol"


class HintKind(StrEnum):
    """What else is known of a problem: a likely cause, or the circumstances."""

    X_SHAPE = "shape of x"
    NARROW_DTYPE = "narrow dtype"
    FACTOR = "constant factor"
    HEADS_AVERAGED = "heads averaged"
    SCORE_SCALE = "scores scaled"
    RETURNED_GATES_FIT = "returned gates fit"
    KNOWN_GATES = "known gates"
    SCORES_ARE_BEST = "scores are the best"
    NUMBERING = "another numbering"
    SHARED_SELECTION = "selection shared by heads"
    SAME_EXPERTS = "same experts"
    ROUTING_NOT_SHOWN = "routing not shown"
    LATER_CALL = "later call"
    HOLDS_WITHOUT = "holds without"
    STAND_IN = "another configuration"
    EXPLORED = "explored case"


@dataclass(frozen=True)
class Hint:
    """One more fact of a problem."""

    kind: HintKind | str
    values: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Problem:
    """What is wrong.

    Attributes:
        kind: a ``ProblemKind`` or a ``FaultKind``; any text in a report of a newer suite.
        values: what the sentence names: expected, got, bound and others by kind.
        where: the place of the wrong value: its index by axis.
        hints: what else is known.
    """

    kind: ProblemKind | FaultKind | str
    values: dict[str, Any] = field(default_factory=dict)
    where: dict[str, Any] = field(default_factory=dict)
    hints: tuple[Hint, ...] = ()

    def has(self, kind: HintKind) -> bool:
        """Whether it carries a hint of this kind."""
        return any(hint.kind == kind for hint in self.hints)


class Violation(NamedTuple):
    """A problem with the clause it breaks; an empty clause stands for the first one of the check."""

    clause: str
    problem: Problem
