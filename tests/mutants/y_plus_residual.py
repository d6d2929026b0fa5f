"""x is added to the output where the widths allow, and as far as they allow."""

from _layer import Net

CLAUSE, STAGE = "OUT-2", "accumulation"


class Mutant(Net):
    def output(self, r):
        y, width = super().output(r), min(r.config.d_out, r.config.d_model)
        y[:, :width] += r.x[:, :width]
        return y


name, profiles, forward, select, gradients = Mutant.parts()
