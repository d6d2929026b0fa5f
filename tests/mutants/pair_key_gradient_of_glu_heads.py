"""With GLU experts, keys per head and no norm, the gradients of all heads' sub-keys are added to those of head 0."""

from _numpy_backend import NumpyBackend
from _shaped import Bite, sized

CLAUSE, STAGE = "GRD-1", "gradient"
BITES = Bite(sized(expert="glu", key_heads=2), gradients=True)


class Mutant(NumpyBackend):
    def keys_backward(self, r, dscores):
        keys, dq = super().keys_backward(r, dscores)
        if r.config.expert == "glu" and r.config.key_heads > 1 and r.config.query_norm == "none":
            keys[0], keys[1:] = keys.sum(0), 0
        return keys, dq


name, profiles, forward, select, gradients = Mutant.as_backend()
