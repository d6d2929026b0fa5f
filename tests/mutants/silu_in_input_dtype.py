"""silu rounds its argument and its result to the input dtype."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "ACT-1", "activation"


class Mutant(NumpyBackend):
    def expert_weights(self, r):
        self.narrow = r.layer.dtype
        return super().expert_weights(r)

    def activate(self, kind, a):
        if kind != "silu":
            return super().activate(kind, a)
        return super().activate(kind, a.astype(self.narrow).astype(a.dtype)).astype(self.narrow).astype(a.dtype)


name, profiles, forward, select, gradients = Mutant.as_backend()
