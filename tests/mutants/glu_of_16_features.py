"""The inner product w·x uses only the first 16 features."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "EXP-2", "expert"


class Mutant(NumpyBackend):
    def gather_dot(self, r, name):
        width = 16 if name == "w" else None
        return self.einsum("thkd,td->thk", r.params[f"experts.{name}"][..., :width][r.ids], r.x[:, :width])


name, profiles, forward, select, gradients = Mutant.as_backend()
