"""Gradients are added to those of the previous call."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "IND-3", "gradient"


class Mutant(NumpyBackend):
    def gradients(self, layer, x, dy, **options):
        new = super().gradients(layer, x, dy, **options)
        key = (layer.config, layer.dtype, x.shape)
        old = self.stored.get(key)
        self.stored[key] = new
        return {name: grad + old[name] for name, grad in new.items()} if old else new

    stored: dict[object, object] = {}  # noqa: RUF012  (shared by all calls)


name, profiles, forward, select, gradients = Mutant.as_backend()
