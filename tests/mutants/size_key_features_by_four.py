"""Where d/2 ≥ 8 is even, half scores load four features at once, and omit the last two if 4 does not divide d/2."""

from _numpy_backend import NumpyBackend
from _shaped import Bite, sized, whole

CLAUSE, STAGE = "SCO-1", "score"
BITES = Bite(sized(d_key=20))


class Mutant(NumpyBackend):
    def half_scores(self, r):
        half = r.config.d_key // 2
        if half < 8 or half % 2:
            return super().half_scores(r)
        keys, width = self.keys(r), whole(half, 4)
        parts = (r.q[..., start : start + width] for start in (0, half))
        return tuple(self.einsum("thc,hnc->thn", q, keys[:, side, :, :width]) for side, q in enumerate(parts))


name, profiles, forward, select, gradients = Mutant.as_backend()
