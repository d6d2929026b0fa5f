"""Tokens of a dense layer after the last whole tile of 64 are not computed, where there is one."""

from _comparing import ComparingBackend

CLAUSE, STAGE = "DNS-3", "expert"


class Mutant(ComparingBackend):
    def answered(self, r, lead):
        if r.config.kind == "dense" and len(r.y) > 64:
            r.y[len(r.y) // 64 * 64 :] = 0
        return super().answered(r, lead)


name, profiles, forward, comparison, comparison_gradients = Mutant.as_backend()
