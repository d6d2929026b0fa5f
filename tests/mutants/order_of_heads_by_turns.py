"""The gradient of the query bias adds up tokens from the front and from the back by turns."""

from itertools import count

from _numpy_backend import NumpyBackend
from _shaped import Bite, sized

CLAUSE, STAGE = "IND-3", "gradient"
CALLS = count()
BITES = Bite(sized(query_bias=True), (40,), gradients=True)


class Mutant(NumpyBackend):
    def norm_backward(self, r, dq, grads):
        r.dr = super().norm_backward(r, dq, grads)
        return r.dr

    def backward(self, r):
        grads = super().backward(r)
        if r.config.query_bias and next(CALLS) % 2:
            grads["query.bias"] = r.dr[::-1].cumsum(0)[-1:].sum(0)
        return grads


name, profiles, forward, select, gradients = Mutant.as_backend()
