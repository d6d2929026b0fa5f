"""Experts compute whole tiles of 4 neurons, and not the rest."""

from _comparing import ComparingBackend

CLAUSE, STAGE = "TCM-6", "expert"


class Mutant(ComparingBackend):
    def tables(self, r, e):
        found = super().tables(r, e)
        if r.config.kind == "token-choice":
            found["v"] = found["v"].copy()
            found["v"][r.config.d_hidden // 4 * 4 :] = 0
        return found


name, profiles, forward, comparison, comparison_gradients = Mutant.as_backend()
