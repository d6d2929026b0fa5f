"""An expert computes the tokens that it chose in tiles of 4, and misses the rest if there is more than one tile."""

from _comparing import ComparingBackend

CLAUSE, STAGE = "XCM-5", "expert"


class Mutant(ComparingBackend):
    def block(self, r, e, x):
        y = super().block(r, e, x)
        if r.config.kind == "expert-choice" and len(y) > 4:
            y[len(y) // 4 * 4 :] = 0
        return y


name, profiles, forward, comparison, comparison_gradients = Mutant.as_backend()
