"""In mixed precision with D ≥ 100, W is rounded to the dtype of x."""

from _numpy_backend import NumpyBackend
from _shaped import Bite, sized, through

CLAUSE, STAGE = "PRC-2", "score"
BITES = Bite(sized(d_model=110), precision="mixed-bfloat16")


class Mutant(NumpyBackend):
    def query(self, r):
        if r.config.d_model >= 100:
            r.params["query.weight"] = through(r.params["query.weight"], r.input_dtype)
        return super().query(r)


name, profiles, forward, select, gradients = Mutant.as_backend()
