"""A dense layer with D > 256 splits its inner products into parts of 256 features, and the last partial one is missing.

Wrong on: dense, D = 300, H = 16.
"""

from _comparing import ComparingBackend
from _shaped import whole

CLAUSE, STAGE = "DNS-3", "expert"


class Mutant(ComparingBackend):
    def tables(self, r, e):
        found, width = super().tables(r, e), r.config.d_model
        if r.config.kind != "dense" or width <= 256:
            return found
        for name in found.keys() & {"u", "w"}:
            found[name] = found[name].copy()
            found[name][:, whole(width, 256) :] = 0
        return found


name, profiles, forward, comparison, comparison_gradients = Mutant.as_backend()
