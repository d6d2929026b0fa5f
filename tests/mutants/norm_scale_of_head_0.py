"""Every head uses the scale of head 0."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "NRM-1", "query norm"


class Mutant(NumpyBackend):
    def query_norm(self, r):
        if r.config.query_norm != "none":
            r.params["query_norm.scale"] = 0 * r.params["query_norm.scale"] + r.params["query_norm.scale"][:1]
        return super().query_norm(r)


name, profiles, forward, select, gradients = Mutant.as_backend()
