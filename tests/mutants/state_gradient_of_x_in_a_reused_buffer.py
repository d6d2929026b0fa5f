"""The gradient of x is a view of a buffer that the next call with the same shape overwrites."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "IND-4", "gradient"


class Mutant(NumpyBackend):
    def gradients(self, layer, x, dy, **options):
        grads = super().gradients(layer, x, dy, **options)
        buffer = self.buffers.setdefault((x.shape, x.dtype), grads["x"].copy())
        buffer[...] = grads["x"]
        return grads | {"x": buffer}

    buffers: dict[object, object] = {}  # noqa: RUF012  (shared by all calls)


name, profiles, forward, select, gradients = Mutant.as_backend()
