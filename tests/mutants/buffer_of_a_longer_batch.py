"""The gradient of v adds up all rows of a workspace, also those that a longer batch before has left."""

import numpy as np
from _numpy_backend import NumpyBackend
from _shaped import Bite

CLAUSE, STAGE = "GRD-2", "gradient"
BITES = Bite(lead=(5,), gradients=True, before=Bite(lead=(9,)))


class Mutant(NumpyBackend):
    def scatter_sum(self, r, name, weights, rows):
        out = super().scatter_sum(r, name, weights, rows)
        if name == "v":
            terms = weights[..., None] * rows[:, None, None, :]
            ids, old = self.workspace.get((r.config, out.dtype), (r.ids, terms))
            np.add.at(out, ids[len(rows) :], old[len(rows) :])
            self.workspace[r.config, out.dtype] = tuple(
                np.concatenate([new, left[len(rows) :]]) for new, left in ((r.ids, ids), (terms, old))
            )
        return out

    workspace: dict[object, tuple] = {}  # noqa: RUF012  (shared by all calls)


name, profiles, forward, select, gradients = Mutant.as_backend()
