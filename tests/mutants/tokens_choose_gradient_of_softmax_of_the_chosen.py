"""With the softmax over all experts, its gradient is taken over the chosen experts alone."""

from _comparing import ComparingBackend
from _numpy_functions import take

CLAUSE, STAGE = "TCM-8", "gradient"


class Mutant(ComparingBackend):
    def dlogits(self, r, dgate):
        if r.config.kind != "token-choice" or r.config.gate != "softmax_before":
            return super().dlogits(r, dgate)
        chosen = take(dgate, r.ids)
        return self.by_expert(r, r.gates * (chosen - (r.gates * chosen).sum(-1, keepdims=True)))


name, profiles, forward, comparison, comparison_gradients = Mutant.as_backend()
