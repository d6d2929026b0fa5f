"""For a single token, three warps share the D ≥ 16 features of u·x, and the rest of D/3 is omitted."""

from _numpy_backend import NumpyBackend
from _shaped import Bite, sized, whole

CLAUSE, STAGE = "OUT-1", "accumulation"
BITES = Bite(sized(d_model=64), (1,))


class Mutant(NumpyBackend):
    def gather_dot(self, r, name):
        d = r.config.d_model
        width = whole(d, 3) if len(r.x) == 1 and d >= 16 else d
        return self.einsum("thkd,td->thk", r.params[f"experts.{name}"][..., :width][r.ids], r.x[:, :width])


name, profiles, forward, select, gradients = Mutant.as_backend()
