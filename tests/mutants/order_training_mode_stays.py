"""After gradients in training, a layer stays in the mode training, and inference uses the statistics of the batch."""

from _numpy_backend import NumpyBackend
from _shaped import Bite, sized

CLAUSE, STAGE = "NRM-1", "query norm"
NORM = sized(query_norm="batch")
BITES = Bite(NORM, before=Bite(NORM, training=True))


class Mutant(NumpyBackend):
    def forward(self, layer, x, *, mask=None, training=False):
        stays = layer.config in self.trained and x.size > 0 and (mask is None or mask.any())
        out = super().forward(layer, x, mask=mask, training=training or stays)
        return out if training else type(out)(out.y, out.scores, out.indices, out.gates)

    def gradients(self, layer, x, dy, *, mask=None, training=True):
        if training:
            self.trained.add(layer.config)
        return super().gradients(layer, x, dy, mask=mask, training=training)

    trained: set[object] = set()  # noqa: RUF012  (shared by all calls)


name, profiles, forward, select, gradients = Mutant.as_backend()
