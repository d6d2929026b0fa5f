"""A dense layer computes the first 128 features of y."""

from _comparing import ComparingBackend

CLAUSE, STAGE = "DNS-3", "expert"


class Mutant(ComparingBackend):
    def answered(self, r, lead):
        if r.config.kind == "dense":
            r.y[:, 128:] = 0
        return super().answered(r, lead)


name, profiles, forward, comparison, comparison_gradients = Mutant.as_backend()
