"""From 48 tokens on, the batch statistics are those of queries rounded to the input dtype."""

from _numpy_backend import NumpyBackend
from _shaped import Bite, sized, through

CLAUSE, STAGE = "NRM-2", "query norm"
BITES = Bite(sized(query_norm="batch"), (64,), "bfloat16", training=True)


class Mutant(NumpyBackend):
    def batch_moments(self, r, counted):
        return super().batch_moments(r, through(counted, r.input_dtype) if len(counted) >= 48 else counted)


name, profiles, forward, select, gradients = Mutant.as_backend()
