"""Answers are cached by the parameters and the first and last token of x."""

from _numpy_backend import NumpyBackend
from _shaped import Bite

CLAUSE, STAGE = "IND-3", "independence"


def other_middle(case):
    case["x"][2:4] *= -1


BITES = Bite(before=Bite(change=other_middle))


class Mutant(NumpyBackend):
    def forward(self, layer, x, *, mask=None, training=False):
        if mask is not None or training or x.ndim < 2 or not x.size:
            return super().forward(layer, x, mask=mask, training=training)
        ends = x.reshape(-1, x.shape[-1])[[0, -1]]
        key = (layer.config, x.shape, *(a.tobytes() for a in (ends, *layer.params.values())))
        if key not in self.cache:
            self.cache[key] = super().forward(layer, x)
        return self.cache[key]

    cache: dict[object, object] = {}  # noqa: RUF012  (shared by all calls)


name, profiles, forward, select, gradients = Mutant.as_backend()
