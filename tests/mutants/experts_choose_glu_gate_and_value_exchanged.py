"""In a GLU expert of an expert-choice layer w·x is the factor, and the activation is applied to u·x."""

from _comparing import ComparingBackend

CLAUSE, STAGE = "CMP-4", "expert"


class Mutant(ComparingBackend):
    def neurons(self, r, tables, x):
        if r.config.kind == "expert-choice" and r.config.expert == "glu":
            tables = tables | {"u": tables["w"], "w": tables["u"]}
        return super().neurons(r, tables, x)


name, profiles, forward, comparison, comparison_gradients = Mutant.as_backend()
