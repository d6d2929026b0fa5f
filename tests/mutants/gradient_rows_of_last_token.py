"""Tokens overwrite each other's rows of v; within a token contributions add up."""

import numpy as np
from _layer import Net

CLAUSE, STAGE = "GRD-3", "gradient"


class Mutant(Net):
    def scatter_sum(self, r, name, weights, rows):
        if name != "v":
            return super().scatter_sum(r, name, weights, rows)
        out = np.zeros(r.params["experts.v"].shape, r.compute_dtype)
        for t in range(len(rows)):
            part = np.zeros_like(out)
            np.add.at(part, r.ids[t], weights[t][..., None] * rows[t])
            out[np.unique(r.ids[t])] = part[np.unique(r.ids[t])]
        return out


name, profiles, forward, select, gradients = Mutant.parts()
