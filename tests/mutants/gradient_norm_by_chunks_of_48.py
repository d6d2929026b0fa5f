"""Beyond 48 tokens, the gradient of batch statistics is averaged in chunks of 48 tokens."""

import numpy as np
from _numpy_backend import NumpyBackend
from _shaped import Bite, sized

CLAUSE, STAGE = "GRD-7", "gradient"
BITES = Bite(sized(query_norm="batch"), (60,), training=True, gradients=True)


class Mutant(NumpyBackend):
    def norm_backward(self, r, dq, grads):
        dr = super().norm_backward(r, dq, grads)
        if len(dq) <= 48 or r.config.query_norm != "batch" or not r.training or not r.mask.all():
            return dr
        dunit = dq * r.params["query_norm.scale"]
        for rows in np.split(np.arange(len(dq)), range(48, len(dq), 48)):
            part, unit = dunit[rows], r.unit[rows]
            dr[rows] = (part - part.mean(0) - unit * (part * unit).mean(0)) / r.std
        return dr


name, profiles, forward, select, gradients = Mutant.as_backend()
