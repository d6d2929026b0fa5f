"""In mixed precision the operands of every product are rounded to the dtype of x, as autocast does."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "PRC-2", "score"


class Mutant(NumpyBackend):
    def run(self, layer, x, mask, training):
        self.narrow = x.dtype
        return super().run(layer, x, mask, training)

    def einsum(self, equation, a, b):
        return super().einsum(equation, *(part.astype(self.narrow).astype(part.dtype) for part in (a, b)))


name, profiles, forward, select, gradients = Mutant.as_backend()
