"""Parameters are cached by configuration and by the first row of each."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "IND-3", "independence"


class Mutant(NumpyBackend):
    def run(self, layer, x, mask, training):
        rows = [array.reshape(-1, array.shape[-1])[0].tobytes() for array in layer.params.values()]
        cached = self.cache.setdefault((layer.config, layer.dtype, *rows), layer)
        return super().run(cached, x, mask, training)

    cache: dict[object, object] = {}  # noqa: RUF012  (shared by all calls)


name, profiles, forward, select, gradients = Mutant.as_backend()
