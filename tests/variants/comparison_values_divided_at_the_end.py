"""A product-key memory adds the exponentials times values of a head, and divides by their sum at the end."""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "mutants"))

from _comparing import ComparingBackend


class Variant(ComparingBackend):
    def recalled(self, r):
        if r.config.gate == "sigmoid":
            return super().recalled(r)
        powers = np.exp(r.scores - r.scores.max(-1, keepdims=True))
        heads = self.einsum("thk,thkm->thm", powers, r.params["values"][r.ids])
        return (heads / powers.sum(-1)[..., None]).sum(1)


name, profiles, forward, comparison, comparison_gradients = Variant.as_backend()
