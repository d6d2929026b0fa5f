"""Sub-keys are cached by configuration, so other sub-keys are ignored."""

from _numpy_backend import NumpyBackend

from peerspec.reference import Layer

CLAUSE, STAGE = "IND-3", "independence"


class Mutant(NumpyBackend):
    def run(self, layer, x, mask, training):
        keys = self.cache.setdefault((layer.config, layer.dtype), layer.params["keys"])
        return super().run(Layer(layer.config, dict(layer.params) | {"keys": keys}), x, mask, training)

    cache: dict[object, object] = {}  # noqa: RUF012  (shared by all calls)


name, profiles, forward, select, gradients = Mutant.as_backend()
