"""All parameters are cached by configuration, so other parameters are ignored."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "IND-3", "independence"


class Mutant(NumpyBackend):
    def run(self, layer, x, mask, training):
        cached = self.cache.setdefault((layer.config, layer.dtype), layer)
        return super().run(cached, x, mask, training)

    cache: dict[object, object] = {}  # noqa: RUF012  (shared by all calls)


name, profiles, forward, select, gradients = Mutant.as_backend()
