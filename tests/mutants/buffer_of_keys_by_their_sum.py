"""Sub-keys are packed once, and packed again only when the sum of their magnitudes changes."""

import numpy as np
from _numpy_backend import NumpyBackend
from _shaped import Bite

CLAUSE, STAGE = "IND-3", "independence"


def other_signs(case):
    case["keys"] *= -1


BITES = Bite(before=Bite(change=other_signs))


class Mutant(NumpyBackend):
    def half_scores(self, r):
        keys = r.params["keys"]
        key = (r.config, keys.dtype, float(np.abs(keys).sum()))
        r.params["keys"] = self.packed.setdefault(key, keys)
        return super().half_scores(r)

    packed: dict[object, object] = {}  # noqa: RUF012  (shared by all calls)


name, profiles, forward, select, gradients = Mutant.as_backend()
