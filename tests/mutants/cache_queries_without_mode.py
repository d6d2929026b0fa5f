"""Normalised queries are cached by x and parameters, and not by the mode."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "IND-3", "independence"


class Mutant(NumpyBackend):
    def query_norm(self, r):
        params = (array.tobytes() for array in r.params.values())
        key = (r.config, r.compute_dtype, r.x.tobytes(), r.mask.tobytes(), *params)
        if r.config.query_norm != "batch" or not r.mask.any():
            return super().query_norm(r)
        if key not in self.cache:
            self.cache[key] = *super().query_norm(r), r.std, r.unit
        q, state, r.std, r.unit = self.cache[key]
        return q, state if r.training else None

    cache: dict[object, object] = {}  # noqa: RUF012  (shared by all calls)


name, profiles, forward, select, gradients = Mutant.as_backend()
