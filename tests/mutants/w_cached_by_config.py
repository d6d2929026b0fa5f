"""In a forward pass, w is cached by configuration."""

from _numpy_backend import NumpyBackend

from peerspec.reference import Layer

CLAUSE, STAGE = "IND-3", "independence"


class Mutant(NumpyBackend):
    def forward(self, layer, x, **options):
        if "experts.w" in layer.params:
            w = self.cache.setdefault((layer.config, layer.dtype), layer.params["experts.w"])
            layer = Layer(layer.config, dict(layer.params) | {"experts.w": w})
        return super().forward(layer, x, **options)

    cache: dict[object, object] = {}  # noqa: RUF012  (shared by all calls)


name, profiles, forward, select, gradients = Mutant.as_backend()
