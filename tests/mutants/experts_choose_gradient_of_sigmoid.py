"""The gradient of a score reaches its own logit alone, as with a logistic function."""

from _comparing import ComparingBackend

CLAUSE, STAGE = "XCM-7", "gradient"


class Mutant(ComparingBackend):
    def dlogits(self, r, dgate):
        if r.config.kind != "expert-choice":
            return super().dlogits(r, dgate)
        return r.scores * (1 - r.scores) * dgate


name, profiles, forward, comparison, comparison_gradients = Mutant.as_backend()
