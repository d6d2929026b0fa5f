"""Gradients are cached by parameters and x, and not by dy."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "IND-3", "gradient"


class Mutant(NumpyBackend):
    def gradients(self, layer, x, dy, **options):
        params = (array.tobytes() for array in layer.params.values())
        mask = options.get("mask")
        key = (layer.config, layer.dtype, x.tobytes(), x.shape, mask is None or mask.tobytes(), options.get("training"))
        key = (*key, *params)
        if key not in self.cache:
            self.cache[key] = super().gradients(layer, x, dy, **options)
        return self.cache[key]

    cache: dict[object, object] = {}  # noqa: RUF012  (shared by all calls)


name, profiles, forward, select, gradients = Mutant.as_backend()
