"""Sigmoid gates are divided by their sum."""

from _layer import Net

CLAUSE, STAGE = "GAT-3", "gate"


class Mutant(Net):
    def gate(self, r):
        gates = super().gate(r)
        return gates / gates.sum(-1, keepdims=True)


name, profiles, forward, select, gradients = Mutant.parts()
