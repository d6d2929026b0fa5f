"""W is turned round where D = d, as a check of its shape cannot tell."""

from _layer import Net

CLAUSE, STAGE = "SCO-1", "score"


class Mutant(Net):
    def query(self, r):
        if r.config.d_model == r.config.d_key:
            r.params["query.weight"] = r.params["query.weight"].swapaxes(1, 2)
        return super().query(r)


name, profiles, forward, select, gradients = Mutant.parts()
