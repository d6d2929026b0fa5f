"""Half scores are summed in vectors of 16 features, and the rest of d/2 is omitted."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "SCO-1", "score"


class Mutant(NumpyBackend):
    def half_scores(self, r):
        half = r.config.d_key // 2
        whole = half // 16 * 16 or half
        keys, parts = self.keys(r)[..., :whole], (r.q[..., :whole], r.q[..., half : half + whole])
        s1, s2 = (self.einsum("thc,hnc->thn", q, keys[:, side]) for side, q in enumerate(parts))
        return s1, s2


name, profiles, forward, select, gradients = Mutant.as_backend()
