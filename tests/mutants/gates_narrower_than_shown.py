"""The trace shows the gates; y is summed with gates in bfloat16."""

from _layer import Net, bfloat16

CLAUSE, STAGE = "PRC-2", "accumulation"


class Mutant(Net):
    def mix(self, r):
        return super().mix(type(r)(**vars(r) | {"gates": r.gates.astype(bfloat16).astype(r.inside)}))


name, profiles, forward, select, gradients = Mutant.parts()
