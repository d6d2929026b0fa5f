"""An expert that chose more than 256 tokens gives u and the tokens the gradient of the first 256."""

from _comparing import ComparingBackend

CLAUSE, STAGE = "XCM-7", "gradient"


class Mutant(ComparingBackend):
    def blocks_backward(self, r):
        self.kind = r.config.kind
        return super().blocks_backward(r)

    def da(self, gate, z, slope):
        found = super().da(gate, z, slope)
        if self.kind == "expert-choice":
            found[256:] = 0
        return found


name, profiles, forward, comparison, comparison_gradients = Mutant.as_backend()
