"""In a GLU expert the activation is applied to u·x, and w·x is the factor."""

from _comparing import ComparingBackend

CLAUSE, STAGE = "CMP-4", "expert"


class Mutant(ComparingBackend):
    def neurons(self, r, tables, x):
        if r.config.kind == "token-choice" and r.config.expert == "glu":
            tables = tables | {"u": tables["w"], "w": tables["u"]}
        return super().neurons(r, tables, x)


name, profiles, forward, comparison, comparison_gradients = Mutant.as_backend()
