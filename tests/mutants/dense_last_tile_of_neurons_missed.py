"""A dense layer computes whole tiles of 4 neurons, and not the rest."""

from _comparing import ComparingBackend

CLAUSE, STAGE = "DNS-3", "expert"


class Mutant(ComparingBackend):
    def tables(self, r, e):
        whole = r.config.d_hidden // 4 * 4 if r.config.kind == "dense" else r.config.d_hidden
        return super().tables(r, e) | {"v": self.cut(super().tables(r, e)["v"], whole)}

    def cut(self, v, whole):
        found = v.copy()
        found[whole:] = 0
        return found


name, profiles, forward, comparison, comparison_gradients = Mutant.as_backend()
