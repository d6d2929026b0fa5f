"""The gradient of the query bias is added to that of the call before, until a forward pass clears it."""

from _numpy_backend import NumpyBackend
from _shaped import Bite, sized

CLAUSE, STAGE = "IND-3", "gradient"
BITES = Bite(sized(query_bias=True), gradients=True, times=1)


class Mutant(NumpyBackend):
    def forward(self, layer, x, **options):
        self.stored.clear()
        return super().forward(layer, x, **options)

    def gradients(self, layer, x, dy, **options):
        grads = super().gradients(layer, x, dy, **options)
        if layer.config.query_bias:
            key = (layer.config, layer.dtype)
            grads["query.bias"] = self.stored[key] = grads["query.bias"] + self.stored.get(key, 0)
        return grads

    stored: dict[object, object] = {}  # noqa: RUF012  (shared by all calls)


name, profiles, forward, select, gradients = Mutant.as_backend()
