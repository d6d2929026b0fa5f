"""In a forward pass, GLU rows w are converted once per configuration and kept."""

from _layer import Net

from peerspec.reference import Layer

CLAUSE, STAGE = "IND-3", "independence"


class Mutant(Net):
    def forward(self, layer, x, **options):
        if "experts.w" in layer.params:
            w = self.cache.setdefault((layer.config, layer.dtype), layer.params["experts.w"])
            layer = Layer(layer.config, dict(layer.params) | {"experts.w": w})
        return super().forward(layer, x, **options)

    cache: dict[object, object] = {}  # noqa: RUF012  (shared by intention)


name, profiles, forward, select, gradients = Mutant.parts()
