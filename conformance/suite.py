"""Every check of the suite. Their order is the order of the layer's stages, so the first finding is the nearest cause.

The numbering comes before the structure, which a wrong one may break: ids repeat, or leave the range.
Repetition and independence come before all stages: where an answer hangs on earlier calls or on other tokens, every
stage looks wrong. Linearity in v comes before the experts, which a term that is not v would spoil.
Whether other parameters count is asked of the options after their own checks, which a parameter that is ignored breaks.
Exploration comes last, because a fixed case that fails says more.
"""

from peerspec.conformance.check import Check
from peerspec.conformance.checks.experts import EXPERTS
from peerspec.conformance.checks.forms import FORMS
from peerspec.conformance.checks.gates import GATES
from peerspec.conformance.checks.gradients import GRADIENTS
from peerspec.conformance.checks.independence import FINITE, INDEPENDENCE, OPTIONS
from peerspec.conformance.checks.index import INDEX
from peerspec.conformance.checks.output import LINEAR, OUTPUT
from peerspec.conformance.checks.profiles import PROFILES
from peerspec.conformance.checks.retrieval import RETRIEVAL
from peerspec.conformance.checks.select import SELECT
from peerspec.conformance.checks.structure import STRUCTURE
from peerspec.conformance.explore.checks import EXPLORE

__all__ = ["CHECKS"]

CHECKS: tuple[Check, ...] = (
    *INDEX,
    *STRUCTURE,
    *INDEPENDENCE,
    *FORMS,
    *RETRIEVAL,
    *SELECT,
    *GATES,
    *LINEAR,
    *EXPERTS,
    *OUTPUT,
    *FINITE,
    *PROFILES,
    *OPTIONS,
    *GRADIENTS,
    *EXPLORE,
)
"""Every check; identifiers are permanent."""
