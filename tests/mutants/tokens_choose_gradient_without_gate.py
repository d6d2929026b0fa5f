"""The gradient of u of a token-choice layer lacks the gate."""

from _comparing import ComparingBackend

CLAUSE, STAGE = "TCM-8", "gradient"


class Mutant(ComparingBackend):
    def da(self, gate, z, slope):
        return z * slope


name, profiles, forward, comparison, comparison_gradients = Mutant.as_backend()
