"""Scores come back in the input dtype, so bfloat16 layers return bfloat16 scores."""

from dataclasses import replace

from _layer import Net

CLAUSE, STAGE = "PRC-3", "structure"


class Mutant(Net):
    def answer(self, r, lead):
        out = super().answer(r, lead)
        return replace(out, scores=out.scores.astype(r.layer.dtype))


name, profiles, forward, select, gradients = Mutant.parts()
