"""The gates of dropped choices get a gradient, as if their experts had computed the token."""

from _comparing import ComparingBackend

CLAUSE, STAGE = "TCM-8", "gradient"


class Mutant(ComparingBackend):
    def dlogits(self, r, dgate):
        if r.config.kind == "token-choice":
            for e in range(r.config.num_experts):
                z = r.dy @ self.tables(r, e)["v"].T
                dropped = (r.gate[:, e] > 0) & ~r.chosen[:, e] & r.computed
                dgate[dropped, e] = (self.neurons(r, self.tables(r, e), r.x) * z).sum(-1)[dropped]
        return super().dlogits(r, dgate)


name, profiles, forward, comparison, comparison_gradients = Mutant.as_backend()
