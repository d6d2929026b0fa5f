"""The gradient of the sub-keys is written in vectors of eight, and the rest of d/2 is zero."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "GRD-1", "gradient"


class Mutant(NumpyBackend):
    def keys_backward(self, r, dscores):
        keys, dq = super().keys_backward(r, dscores)
        whole = keys.shape[-1] // 8 * 8
        if whole:
            keys[..., whole:] = 0
        return keys, dq


name, profiles, forward, select, gradients = Mutant.as_backend()
