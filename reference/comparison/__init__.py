"""The layers that PEER is compared with, in NumPy (SPEC.md, chapter 15): dense, two mixtures of experts, and PKM."""

from peerspec.reference.comparison.capacity import capacity_of
from peerspec.reference.comparison.config import (
    COMPARISON_CONFIGS,
    TOKEN_CHOICE_GATES,
    ComparisonConfig,
    DenseConfig,
    ExpertChoiceConfig,
    PKMConfig,
    TokenChoiceConfig,
)
from peerspec.reference.comparison.cost import comparison_cost
from peerspec.reference.comparison.equal_compute import (
    MEASURES,
    equal_dense,
    equal_expert_choice,
    equal_pkm,
    equal_token_choice,
)
from peerspec.reference.comparison.forward import ComparisonOutput, forward
from peerspec.reference.comparison.gradients import gradients
from peerspec.reference.comparison.layer import ComparisonLayer
from peerspec.reference.comparison.output import ExpertChoiceOutput, TokenChoiceOutput

__all__ = [
    "COMPARISON_CONFIGS",
    "MEASURES",
    "TOKEN_CHOICE_GATES",
    "ComparisonConfig",
    "ComparisonLayer",
    "ComparisonOutput",
    "DenseConfig",
    "ExpertChoiceConfig",
    "ExpertChoiceOutput",
    "PKMConfig",
    "TokenChoiceConfig",
    "TokenChoiceOutput",
    "capacity_of",
    "comparison_cost",
    "equal_dense",
    "equal_expert_choice",
    "equal_pkm",
    "equal_token_choice",
    "forward",
    "gradients",
]
