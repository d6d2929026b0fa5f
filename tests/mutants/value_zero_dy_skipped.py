"""In training with a batch norm, tokens whose dy is 0 are skipped, though the batch statistics give them gradients."""

from _numpy_backend import NumpyBackend
from _shaped import Bite, sized

CLAUSE, STAGE = "GRD-7", "gradient"


def every_second_dy_is_zero(case):
    case["dy"][::2] = 0


BITES = Bite(sized(query_norm="batch"), training=True, gradients=True, change=every_second_dy_is_zero)


class Mutant(NumpyBackend):
    def dx_router(self, r, dq):
        return super().dx_router(r, dq) * r.dy.any(-1, keepdims=True)


name, profiles, forward, select, gradients = Mutant.as_backend()
