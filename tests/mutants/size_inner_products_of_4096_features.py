"""Shared memory holds 4096 features, and inner products ignore the rest."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "PRC-2", "accumulation"


class Mutant(NumpyBackend):
    def gather_dot(self, r, name):
        rows = r.params[f"experts.{name}"][r.ids]
        return self.einsum("thkd,td->thk", rows[..., :4096], r.x[:, :4096])


name, profiles, forward, select, gradients = Mutant.as_backend()
