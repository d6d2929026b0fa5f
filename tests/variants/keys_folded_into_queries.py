"""Half scores are computed as (C W) x instead of C (W x)."""

import numpy as np
from _base import NumpyBackend


class Variant(NumpyBackend):
    def half_scores(self, r):
        if r.config.query_norm != "none" or r.config.query_bias:
            return super().half_scores(r)
        half, keys, weight = r.config.d_key // 2, self.keys(r), r.params["query.weight"]
        parts = ((0, weight[:, :half]), (1, weight[:, half:]))
        s1, s2 = (np.einsum("td,hnd->thn", r.x, np.einsum("hcd,hnc->hnd", part, keys[:, side])) for side, part in parts)
        return s1, s2


name, profiles, forward, select, gradients = Variant.as_backend()
