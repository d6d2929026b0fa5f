"""Contributions to rows are sorted by expert and summed in segments."""

import numpy as np
from _base import NumpyBackend


class Variant(NumpyBackend):
    def scatter_sum(self, r, name, weights, rows):
        terms = (weights[..., None] * rows[:, None, None, :]).reshape(-1, rows.shape[-1])
        out = np.zeros(r.params[f"experts.{name}"].shape, r.compute_dtype)
        order = np.argsort(r.ids.reshape(-1), kind="stable")
        found, start = np.unique(r.ids.reshape(-1)[order], return_index=True)
        out[found] = np.add.reduceat(terms[order], start)
        return out


name, profiles, forward, select, gradients = Variant.as_backend()
