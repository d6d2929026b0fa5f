"""Gates are always the softmax over the chosen logits, also where it should be over all."""

from _comparing import ComparingBackend

CLAUSE, STAGE = "TCM-4", "gate"


class Mutant(ComparingBackend):
    def choice_gates(self, r):
        return self.softmax(r.scores)


name, profiles, forward, comparison, comparison_gradients = Mutant.as_backend()
