"""The answer is cached by parameters, shape, the first token and the last one."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "IND-3", "independence"


class Mutant(NumpyBackend):
    def run(self, layer, x, mask, training):
        rows = x.reshape(-1, x.shape[-1])
        if training or not len(rows):
            return super().run(layer, x, mask, training)
        ends = rows[0].tobytes(), rows[-1].tobytes()
        key = (layer.config, layer.dtype, x.shape, x.dtype, *ends, *(a.tobytes() for a in layer.params.values()))
        if key not in self.cache:
            self.cache[key] = super().run(layer, x, mask, training)
        return self.cache[key]

    cache: dict[object, object] = {}  # noqa: RUF012  (shared by all calls)


name, profiles, forward, select, gradients = Mutant.as_backend()
