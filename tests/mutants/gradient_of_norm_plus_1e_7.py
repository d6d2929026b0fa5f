"""The gradient that passes the query norm is too large by 10⁻⁷."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "GRD-5", "gradient"


class Mutant(NumpyBackend):
    def norm_backward(self, r, dq, grads):
        through = super().norm_backward(r, dq, grads)
        return through if r.config.query_norm == "none" else through + r.compute_dtype.type(1e-7)


name, profiles, forward, select, gradients = Mutant.as_backend()
