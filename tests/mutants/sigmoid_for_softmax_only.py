"""The gate option is ignored: it is always softmax."""

from _layer import Net

CLAUSE, STAGE = "GAT-3", "gate"


class Mutant(Net):
    def gate(self, r):
        return self.softmax(r.scores)


name, profiles, forward, select, gradients = Mutant.parts()
