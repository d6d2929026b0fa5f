"""Contributions to rows of tables and to sub-keys are added from the last pair to the first, ranks before tokens."""

import numpy as np
from _base import NumpyBackend


class Variant(NumpyBackend):
    def scatter_sum(self, r, name, weights, rows):
        out = np.zeros(r.params[f"experts.{name}"].shape, r.compute_dtype)
        for k in reversed(range(r.config.top_k)):
            for head in reversed(range(r.config.heads)):
                ids = r.ids[::-1, head, k]
                np.add.at(out, ids, weights[::-1, head, k, None] * rows[::-1])
        return out

    def keys_backward(self, r, dscores):
        c, half = r.config, r.config.d_key // 2
        _, dq = super().keys_backward(r, dscores)
        dkeys = np.zeros(r.params["keys"].shape, r.compute_dtype)
        for k in reversed(range(c.top_k)):
            for head in reversed(range(c.heads)):
                for side, row in enumerate(np.divmod(r.ids[::-1, head, k], c.n)):
                    part = slice(side * half, (side + 1) * half)
                    terms = dscores[::-1, head, k, None] * r.q[::-1, head, part]
                    np.add.at(dkeys[head if c.key_heads > 1 else 0, side], row, terms)
        return dkeys, dq


name, profiles, forward, select, gradients = Variant.as_backend()
