"""Where D = d, W is transposed."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "SCO-1", "score"


class Mutant(NumpyBackend):
    def query(self, r):
        if r.config.d_model == r.config.d_key:
            r.params["query.weight"] = r.params["query.weight"].swapaxes(1, 2)
        return super().query(r)


name, profiles, forward, select, gradients = Mutant.as_backend()
