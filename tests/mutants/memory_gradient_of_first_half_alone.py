"""Sub-keys of the second half of a product-key memory get no gradient."""

from _comparing import ComparingBackend

CLAUSE, STAGE = "PKM-4", "gradient"


class Mutant(ComparingBackend):
    def memory_backward(self, r):
        grads = super().memory_backward(r)
        grads["keys"][:, 1] = 0
        return grads


name, profiles, forward, comparison, comparison_gradients = Mutant.as_backend()
