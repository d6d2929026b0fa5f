"""The first call with at least 40 tokens measures kernels, and its y is that of the least precise one."""

from _numpy_backend import NumpyBackend
from _shaped import Bite, through
from ml_dtypes import bfloat16

CLAUSE, STAGE = "IND-3", "independence"
BITES = Bite(lead=(40,))


class Mutant(NumpyBackend):
    def output(self, r):
        y, key = super().output(r), (r.config, r.compute_dtype, len(r.x))
        if len(r.x) < 40 or key in self.measured:
            return y
        self.measured.add(key)
        return through(y, bfloat16)

    measured: set[object] = set()  # noqa: RUF012  (shared by all calls)


name, profiles, forward, select, gradients = Mutant.as_backend()
