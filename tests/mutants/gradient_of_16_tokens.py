"""The backward kernel of W takes 16 tokens at a time and forgets the tail."""

from _layer import Net

CLAUSE, STAGE = "GRD-1", "gradient"


class Mutant(Net):
    def backward(self, r):
        grads = super().backward(r)
        whole = len(r.x) // 16 * 16
        if whole and whole < len(r.x):
            grads["query.weight"] = grads["query.weight"] * 0.9
        return grads


name, profiles, forward, select, gradients = Mutant.parts()
