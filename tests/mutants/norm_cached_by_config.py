"""In a forward pass, scale and bias of the layer norm are cached by configuration."""

from _numpy_backend import NumpyBackend

from peerspec.reference import Layer

CLAUSE, STAGE = "IND-3", "independence"


class Mutant(NumpyBackend):
    def forward(self, layer, x, **options):
        if layer.config.query_norm == "layer":
            names = ("query_norm.scale", "query_norm.bias")
            cached = self.cache.setdefault((layer.config, layer.dtype), {name: layer.params[name] for name in names})
            layer = Layer(layer.config, dict(layer.params) | cached)
        return super().forward(layer, x, **options)

    cache: dict[object, object] = {}  # noqa: RUF012  (shared by all calls)


name, profiles, forward, select, gradients = Mutant.as_backend()
