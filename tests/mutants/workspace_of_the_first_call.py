"""A workspace has the length of the first batch, and y is zero for the last tokens of a longer batch."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "ACT-1", "activation"


class Mutant(NumpyBackend):
    def output(self, r):
        y = super().output(r)
        y[self.rows.setdefault((r.config, r.compute_dtype), max(len(y), 8)) :] = 0
        return y

    rows: dict[object, int] = {}  # noqa: RUF012  (shared by all calls)


name, profiles, forward, select, gradients = Mutant.as_backend()
