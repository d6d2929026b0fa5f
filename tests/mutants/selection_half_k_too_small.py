"""Only the ⌈√k⌉ best of each half are kept, the fewest that give k candidates."""

import numpy as np
from _layer import Net, best, restricted

CLAUSE, STAGE = "SEL-3", "selection"


class Mutant(Net):
    def choose(self, s1, s2, k):
        side = int(np.ceil(np.sqrt(k)))
        return restricted(s1, s2, k, best(s1, side), best(s2, side))


name, profiles, forward, select, gradients = Mutant.parts()
