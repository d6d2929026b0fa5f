"""Sub-keys are prepared anew only if the expert tables are others."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "IND-3", "independence"


class Mutant(NumpyBackend):
    def keys(self, r):
        key = (r.config, r.layer.dtype, r.params["experts.u"].tobytes(), r.params["experts.v"].tobytes())
        if key not in self.cache:
            self.cache[key] = super().keys(r).copy()
        return self.cache[key]

    cache: dict[object, object] = {}  # noqa: RUF012  (shared by all calls)


name, profiles, forward, select, gradients = Mutant.as_backend()
