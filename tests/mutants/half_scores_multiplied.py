"""The score is the product of the half scores instead of their sum."""

from _layer import Net, best, take

CLAUSE, STAGE = "SCO-2", "score"


class Mutant(Net):
    def choose(self, s1, s2, k):
        grid = (s1[..., :, None] * s2[..., None, :]).reshape(*s1.shape[:-1], s1.shape[-1] ** 2)
        ids = best(grid, k)
        return take(grid, ids), ids


name, profiles, forward, select, gradients = Mutant.parts()
