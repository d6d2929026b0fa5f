"""The backend stores running statistics in training and then ignores those it is given."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "IND-3", "query norm"


class Mutant(NumpyBackend):
    def running_statistics(self, r, mean, var):
        old = self.stored.get(r.config)
        if old:
            r.params |= old
        self.stored[r.config] = super().running_statistics(r, mean, var)
        return self.stored[r.config]

    stored: dict[object, object] = {}  # noqa: RUF012  (shared by all calls)


name, profiles, forward, select, gradients = Mutant.as_backend()
