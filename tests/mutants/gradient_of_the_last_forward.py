"""gradients() uses the x of the last forward call with the same shape."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "IND-3", "gradient"


class Mutant(NumpyBackend):
    def forward(self, layer, x, **options):
        self.saved[x.shape, layer.config] = x
        return super().forward(layer, x, **options)

    def gradients(self, layer, x, dy, **options):
        return super().gradients(layer, self.saved.get((x.shape, layer.config), x), dy, **options)

    saved: dict[object, object] = {}  # noqa: RUF012  (shared by all calls)


name, profiles, forward, select, gradients = Mutant.as_backend()
