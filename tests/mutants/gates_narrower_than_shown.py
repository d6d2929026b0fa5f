"""The trace shows the gates; y is summed with gates in bfloat16."""

from _layer import Net, bfloat16

CLAUSE, STAGE = "PRC-2", "accumulation"


class Mutant(Net):
    def output(self, r):
        return super().output(type(r)(**vars(r) | {"gates": r.gates.astype(bfloat16).astype(r.compute_dtype)}))


name, profiles, forward, select, gradients = Mutant.parts()
