"""Growth writes zeros to the rows that it has copied."""

from _growing import GrowingBackend

CLAUSE, STAGE = "IND-2", "parameters"


class Mutant(GrowingBackend):
    def grow(self, layer, num_experts, *, seed):
        found = super().grow(layer, num_experts, seed=seed)
        layer.params["experts.v"][:] = 0
        return found


name, profiles, forward, select, gradients, grow = Mutant.as_backend()
