"""The statistics of a batch are cached by its queries, and not by the mask."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "IND-3", "independence"


class Mutant(NumpyBackend):
    def batch_moments(self, r, counted):
        key = (r.config, r.raw_query.dtype, r.raw_query.tobytes())
        if key not in self.cache:
            self.cache[key] = super().batch_moments(r, counted)
        return self.cache[key]

    cache: dict[object, object] = {}  # noqa: RUF012  (shared by all calls)


name, profiles, forward, select, gradients = Mutant.as_backend()
