"""Only v is converted once per configuration and kept."""

from _layer import Net

from peerspec.reference import Layer

CLAUSE, STAGE = "IND-3", "independence"


class Mutant(Net):
    def run(self, layer, x, mask, training):
        v = self.cache.setdefault((layer.config, layer.dtype), layer.params["experts.v"])
        return super().run(Layer(layer.config, dict(layer.params) | {"experts.v": v}), x, mask, training)

    cache: dict[object, object] = {}  # noqa: RUF012  (shared by intention)


name, profiles, forward, select, gradients = Mutant.parts()
