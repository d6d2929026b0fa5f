"""The result of the layer norm is rounded to the input dtype."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "NRM-6", "query norm"


class Mutant(NumpyBackend):
    def query_norm(self, r):
        q, state = super().query_norm(r)
        return (q.astype(r.layer.dtype).astype(r.compute_dtype) if r.config.query_norm == "layer" else q), state


name, profiles, forward, select, gradients = Mutant.as_backend()
