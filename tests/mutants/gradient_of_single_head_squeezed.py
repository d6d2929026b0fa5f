"""The gradient of the query map has no axis of heads where there is a single head."""

from _layer import Net

CLAUSE, STAGE = "GRD-1", "gradient"


class Mutant(Net):
    def backward(self, r):
        grads = super().backward(r)
        if r.config.heads == 1:
            grads["query.weight"] = grads["query.weight"][0]
        return grads


name, profiles, forward, select, gradients = Mutant.parts()
