"""Vector loads of w of GLU round its address down to 16 bytes."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "PAR-1", "gradient"


class Mutant(NumpyBackend):
    def gather_dot(self, r, name):
        table = r.layer.params[f"experts.{name}"]
        if name == "w" and (behind := table.ctypes.data % 16 // table.itemsize):
            r.params["experts.w"] = np.roll(r.params["experts.w"].ravel(), behind).reshape(table.shape)
        return super().gather_dot(r, name)


name, profiles, forward, select, gradients = Mutant.as_backend()
