"""The gradient of v of a dense layer is that of the last eight tokens: each chunk overwrites that of the one before."""

from _comparing import ComparingBackend

CLAUSE, STAGE = "DNS-4", "gradient"


class Mutant(ComparingBackend):
    def blocks_backward(self, r):
        grads = super().blocks_backward(r)
        if r.config.kind == "dense":
            start = (len(r.x) - 1) // 8 * 8 if len(r.x) else 0
            grads["v"] = self.neurons(r, self.tables(r, 0), r.x[start:]).T @ r.dy[start:]
        return grads


name, profiles, forward, comparison, comparison_gradients = Mutant.as_backend()
