"""y of a dense layer is the mean over its neurons instead of their sum."""

from _comparing import ComparingBackend

CLAUSE, STAGE = "DNS-3", "expert"


class Mutant(ComparingBackend):
    def block(self, r, e, x):
        y = super().block(r, e, x)
        return y / r.compute_dtype.type(r.config.d_hidden) if r.config.kind == "dense" else y


name, profiles, forward, comparison, comparison_gradients = Mutant.as_backend()
