"""Every head gets the scale of head 0."""

from _layer import Net

CLAUSE, STAGE = "NRM-1", "query norm"


class Mutant(Net):
    def norm(self, r):
        if r.config.query_norm != "none":
            r.params["query_norm.scale"] = 0 * r.params["query_norm.scale"] + r.params["query_norm.scale"][:1]
        return super().norm(r)


name, profiles, forward, select, gradients = Mutant.parts()
