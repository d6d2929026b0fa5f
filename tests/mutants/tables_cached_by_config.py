"""Tables are converted once per configuration and kept, so other parameters are not noticed."""

from _layer import Net

CLAUSE, STAGE = "IND-3", "independence"


class Mutant(Net):
    def run(self, layer, x, mask, training):
        kept = self.cache.setdefault((layer.config, layer.dtype), layer)
        return super().run(kept, x, mask, training)

    cache: dict[object, object] = {}  # noqa: RUF012  (shared by intention)


name, profiles, forward, select, gradients = Mutant.parts()
