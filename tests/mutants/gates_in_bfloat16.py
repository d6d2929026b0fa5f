"""Gates are rounded to bfloat16."""

from _layer import Net, bfloat16

CLAUSE, STAGE = "PRC-2", "gate"


class Mutant(Net):
    def softmax(self, scores):
        return super().softmax(scores).astype(bfloat16).astype(scores.dtype)


name, profiles, forward, select, gradients = Mutant.parts()
