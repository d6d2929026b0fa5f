"""The inner product of v and dy uses the first 192 features."""

from _numpy_backend import NumpyBackend
from _shaped import Bite, sized

CLAUSE, STAGE = "GRD-3", "gradient"
BITES = Bite(sized(d_out=200), gradients=True)


class Mutant(NumpyBackend):
    def backward(self, r):
        grads = super().backward(r)
        if r.config.d_out > 192:
            whole_v, whole_dy = r.params["experts.v"], r.dy
            r.params["experts.v"], r.dy = whole_v[:, :192], whole_dy[:, :192]
            grads = super().backward(r) | {"experts.v": grads["experts.v"]}
            r.params["experts.v"], r.dy = whole_v, whole_dy
        return grads


name, profiles, forward, select, gradients = Mutant.as_backend()
