"""x is added to y, as far as the widths of x and y allow."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "OUT-2", "accumulation"


class Mutant(NumpyBackend):
    def output(self, r):
        y, width = super().output(r), min(r.config.d_out, r.config.d_model)
        y[:, :width] += r.x[:, :width]
        return y


name, profiles, forward, select, gradients = Mutant.as_backend()
