"""The workspace of a configuration is as long as its first batch, and longer batches lose their tail."""

from _layer import Net

CLAUSE, STAGE = "OUT-1", "accumulation"


class Mutant(Net):
    def output(self, r):
        y = super().output(r)
        y[self.rows.setdefault((r.config, r.compute_dtype), max(len(y), 8)) :] = 0
        return y

    rows: dict[object, int] = {}  # noqa: RUF012  (shared by intention)


name, profiles, forward, select, gradients = Mutant.parts()
