"""gradients() uses what the last call of forward saved."""

from _layer import Net

CLAUSE, STAGE = "IND-3", "gradient"


class Mutant(Net):
    def forward(self, layer, x, **options):
        self.saved[x.shape, layer.config] = x
        return super().forward(layer, x, **options)

    def gradients(self, layer, x, dy, *, mask=None):
        return super().gradients(layer, self.saved.get((x.shape, layer.config), x), dy, mask=mask)

    saved: dict[object, object] = {}  # noqa: RUF012  (shared by intention)


name, profiles, forward, select, gradients = Mutant.parts()
