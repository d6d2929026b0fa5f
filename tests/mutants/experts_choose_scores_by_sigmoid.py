"""Scores are logistic functions of logits instead of a softmax."""

from _comparing import ComparingBackend
from _numpy_functions import logistic

CLAUSE, STAGE = "XCM-3", "score"


class Mutant(ComparingBackend):
    def expert_choice(self, r):
        self.softmax = logistic
        try:
            super().expert_choice(r)
        finally:
            del self.softmax


name, profiles, forward, comparison, comparison_gradients = Mutant.as_backend()
