"""The list is sorted by id, as after a compaction."""

from _layer import Net, take

CLAUSE, STAGE = "SEL-2", "tie"


class Mutant(Net):
    def choose(self, s1, s2, k):
        scores, ids = super().choose(s1, s2, k)
        order = ids.argsort(-1)
        return take(scores, order), take(ids, order)


name, profiles, forward, select, gradients = Mutant.parts()
