"""Gates are always softmax gates, whatever the configuration says."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "GAT-3", "gate"


class Mutant(NumpyBackend):
    def gates(self, r):
        return self.softmax(r.scores)


name, profiles, forward, select, gradients = Mutant.as_backend()
