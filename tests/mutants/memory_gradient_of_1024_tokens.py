"""Values of a product-key memory get the gradient of the first 1024 tokens."""

from _comparing import ComparingBackend

CLAUSE, STAGE = "PKM-4", "gradient"


class Mutant(ComparingBackend):
    def scatter_values(self, r):
        kept, r.dy = r.dy, r.dy.copy()
        r.dy[1024:] = 0
        found, r.dy = super().scatter_values(r), kept
        return found


name, profiles, forward, comparison, comparison_gradients = Mutant.as_backend()
