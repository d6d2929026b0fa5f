"""Where 32 divides D, and from 32 tokens on, the gradient of W is a product of bfloat16, summed in float32."""

from _numpy_backend import NumpyBackend
from _shaped import Bite, sized, through
from ml_dtypes import bfloat16

CLAUSE, STAGE = "PRC-2", "gradient"
BITES = Bite(sized(d_model=32), (40,), gradients=True)


class Mutant(NumpyBackend):
    def dx_router(self, r, dq):
        r.dq = dq
        return super().dx_router(r, dq)

    def backward(self, r):
        grads = super().backward(r)
        if r.config.d_model % 32 == 0 and len(r.x) >= 32:
            grads["query.weight"] = self.einsum("thc,td->hcd", through(r.dq, bfloat16), through(r.x, bfloat16))
        return grads


name, profiles, forward, select, gradients = Mutant.as_backend()
