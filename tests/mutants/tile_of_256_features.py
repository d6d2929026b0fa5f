"""Of a token only the first 256 features reach the experts."""

from _layer import Net

CLAUSE, STAGE = "EXP-1", "expert"


class Mutant(Net):
    def gather_dot(self, r, name):
        rows, x = r.params[f"experts.{name}"][r.ids], r.x
        return self.einsum("thkd,td->thk", rows[..., :256], x[:, :256])


name, profiles, forward, select, gradients = Mutant.parts()
