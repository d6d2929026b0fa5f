"""u·x runs in TF32."""

import numpy as np
from _layer import Net, tf32

CLAUSE, STAGE = "PRC-2", "expert"


class Mutant(Net):
    def gather_dot(self, r, name):
        rows = tf32(r.params[f"experts.{name}"][r.ids])
        return np.einsum("thkd,td->thk", rows, tf32(r.x))


name, profiles, forward, select, gradients = Mutant.parts()
