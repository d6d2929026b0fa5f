"""dy is rounded to bfloat16."""

from _numpy_backend import NumpyBackend
from ml_dtypes import bfloat16

CLAUSE, STAGE = "PRC-2", "gradient"


class Mutant(NumpyBackend):
    def gradients(self, layer, x, dy, **options):
        return super().gradients(layer, x, dy.astype(bfloat16).astype(dy.dtype), **options)


name, profiles, forward, select, gradients = Mutant.as_backend()
