"""Heads of one token overwrite each other's rows of u; tokens add up."""

import numpy as np
from _layer import Net

CLAUSE, STAGE = "GRD-3", "gradient"


class Mutant(Net):
    def scatter_sum(self, r, name, weights, rows):
        if name == "v":
            return super().scatter_sum(r, name, weights, rows)
        out = np.zeros(r.params[f"experts.{name}"].shape, r.compute_dtype)
        for t in range(len(rows)):
            part = np.zeros_like(out)
            for h in range(r.config.heads):
                part[r.ids[t, h]] = weights[t, h][:, None] * rows[t]
            out += part
        return out


name, profiles, forward, select, gradients = Mutant.parts()
