"""The layer norm's scale and bias are folded into a plan once per configuration and kept."""

from _layer import Net

from peerspec.reference import Layer

CLAUSE, STAGE = "IND-3", "independence"


class Mutant(Net):
    def forward(self, layer, x, **options):
        if layer.config.query_norm == "layer":
            names = ("query_norm.scale", "query_norm.bias")
            kept = self.cache.setdefault((layer.config, layer.dtype), {name: layer.params[name] for name in names})
            layer = Layer(layer.config, dict(layer.params) | kept)
        return super().forward(layer, x, **options)

    cache: dict[object, object] = {}  # noqa: RUF012  (shared by intention)


name, profiles, forward, select, gradients = Mutant.parts()
