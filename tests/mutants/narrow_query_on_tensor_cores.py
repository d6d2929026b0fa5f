"""Where 128 divides D, the query is computed on tensor cores: products of bfloat16, summed in float32."""

from _numpy_backend import NumpyBackend
from _shaped import Bite, sized, through
from ml_dtypes import bfloat16

CLAUSE, STAGE = "PRC-2", "score"
BITES = Bite(sized(d_model=128))


class Mutant(NumpyBackend):
    def query(self, r):
        if r.config.d_model % 128:
            return super().query(r)
        q = self.einsum("hcd,td->thc", through(r.params["query.weight"], bfloat16), through(r.x, bfloat16))
        return q + r.params["query.bias"] if r.config.query_bias else q


name, profiles, forward, select, gradients = Mutant.as_backend()
