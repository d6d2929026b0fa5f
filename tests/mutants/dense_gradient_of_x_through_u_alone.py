"""In a dense layer with GLU x gets no gradient through w."""

from _comparing import ComparingBackend

CLAUSE, STAGE = "DNS-4", "gradient"


class Mutant(ComparingBackend):
    def blocks_backward(self, r):
        grads = super().blocks_backward(r)
        if r.config.kind == "dense" and r.config.expert == "glu":
            tables = self.tables(r, 0)
            z = r.dy @ tables["v"].T
            grads["x"] = (z * self.slopes(r, tables, r.x)["u"]) @ tables["u"]
        return grads


name, profiles, forward, comparison, comparison_gradients = Mutant.as_backend()
