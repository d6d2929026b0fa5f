"""Every check of the suite, in the order of the layer's stages, so that the first failure is the nearest cause.

- The numbering comes before the structure, which a wrong numbering may break: ids repeat, or leave the range.
- Repetition and independence come before all stages: if an answer depends on earlier calls or on other tokens, every
  stage looks wrong.
- Linearity in v comes before the experts, which fail if y has a term without v.
- The mode comes before the options, whose batch norm changes the answer in training.
- Other parameters of the options come after the checks of each option, which a parameter that is ignored breaks, and
  before that of all together, where a stored answer looks like a wrong option.
- Designed and explored cases come last, because a case that is made for one question says more.
"""

from peerspec.conformance.check import Check
from peerspec.conformance.checks.adapter import ADAPTER_CHECKS
from peerspec.conformance.checks.dense import DENSE_CHECKS
from peerspec.conformance.checks.expert_choice import EXPERT_CHOICE_CHECKS
from peerspec.conformance.checks.experts import EXPERT_CHECKS
from peerspec.conformance.checks.forms import FORM_CHECKS
from peerspec.conformance.checks.gates import GATE_CHECKS
from peerspec.conformance.checks.gradients import GRADIENT_CHECKS
from peerspec.conformance.checks.growth import GROWTH_CHECKS
from peerspec.conformance.checks.independence import FINITE_CHECKS, FINITE_NORM_CHECKS, INDEPENDENCE_CHECKS
from peerspec.conformance.checks.index import INDEX_CHECKS
from peerspec.conformance.checks.mode import MODE_CHECKS
from peerspec.conformance.checks.output import LINEAR_CHECKS, OUTPUT_CHECKS
from peerspec.conformance.checks.pkm import PKM_CHECKS
from peerspec.conformance.checks.profiles import PROFILE_CHECKS, TOGETHER_CHECKS
from peerspec.conformance.checks.query import QUERY_CHECKS
from peerspec.conformance.checks.scores import SCORE_CHECKS, SUM_CHECKS
from peerspec.conformance.checks.select import SELECT_CHECKS
from peerspec.conformance.checks.selection import SELECTION_CHECKS
from peerspec.conformance.checks.state import NUMBER_CHECKS, OPTION_STATE_CHECKS, SELECT_STATE_CHECKS, STATE_CHECKS
from peerspec.conformance.checks.structure import STRUCTURE_CHECKS
from peerspec.conformance.checks.token_choice import TOKEN_CHOICE_CHECKS
from peerspec.conformance.checks.trainable import TRAINABLE_CHECKS
from peerspec.conformance.explore.checks import EXPLORATION_CHECKS
from peerspec.conformance.explore.designed import DESIGNED_CHECKS

__all__ = ["CHECKS"]

CHECKS: tuple[Check, ...] = (
    *INDEX_CHECKS,
    *STRUCTURE_CHECKS,
    *STATE_CHECKS,
    *INDEPENDENCE_CHECKS,
    *FORM_CHECKS,
    *SUM_CHECKS,
    *QUERY_CHECKS,
    *SCORE_CHECKS,
    *SELECTION_CHECKS,
    *SELECT_STATE_CHECKS,
    *SELECT_CHECKS,
    *GATE_CHECKS,
    *LINEAR_CHECKS,
    *EXPERT_CHECKS,
    *OUTPUT_CHECKS,
    *NUMBER_CHECKS,
    *FINITE_CHECKS,
    *MODE_CHECKS,
    *PROFILE_CHECKS,
    *OPTION_STATE_CHECKS,
    *TOGETHER_CHECKS,
    *FINITE_NORM_CHECKS,
    *GRADIENT_CHECKS,
    *GROWTH_CHECKS,
    *TRAINABLE_CHECKS,
    *DENSE_CHECKS,
    *TOKEN_CHOICE_CHECKS,
    *EXPERT_CHOICE_CHECKS,
    *PKM_CHECKS,
    *ADAPTER_CHECKS,
    *DESIGNED_CHECKS,
    *EXPLORATION_CHECKS,
)
"""Every check; identifiers are permanent."""
