"""Gradients add to those of the call before, as when they are not set to zero."""

from _layer import Net

CLAUSE, STAGE = "IND-3", "gradient"


class Mutant(Net):
    def gradients(self, layer, x, dy, *, mask=None):
        new = super().gradients(layer, x, dy, mask=mask)
        key = (layer.config, layer.dtype, x.shape)
        old = self.kept.get(key)
        self.kept[key] = new
        return {name: grad + old[name] for name, grad in new.items()} if old else new

    kept: dict[object, object] = {}  # noqa: RUF012  (shared by intention)


name, profiles, forward, select, gradients = Mutant.parts()
