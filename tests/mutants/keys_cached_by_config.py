"""Only sub-keys are converted once per configuration and kept."""

from _layer import Net

from peerspec.reference import Layer

CLAUSE, STAGE = "IND-3", "independence"


class Mutant(Net):
    def run(self, layer, x, mask, training):
        keys = self.cache.setdefault((layer.config, layer.dtype), layer.params["keys"])
        return super().run(Layer(layer.config, dict(layer.params) | {"keys": keys}), x, mask, training)

    cache: dict[object, object] = {}  # noqa: RUF012  (shared by intention)


name, profiles, forward, select, gradients = Mutant.parts()
