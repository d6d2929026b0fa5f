"""While some experts are frozen, sub-keys and queries get the gradients of the others alone.

Wrong on: one step with half of the experts frozen, sub-keys and queries trainable: keys and query.weight.
"""

import numpy as np
from _training import TrainingBackend

from peerspec import reference as spec
from peerspec.reference import Layer

CLAUSE, STAGE = "TRN-3", "parameters"


class Mutant(TrainingBackend):
    def step(self, layer, x, dy, part):
        frozen = ~np.broadcast_to(self.masks(layer, part)["experts.v"], layer.params["experts.v"].shape)
        if frozen.all() or not frozen.any():
            return super().step(layer, x, dy, part)
        v = np.where(frozen, layer.params["experts.v"].dtype.type(0), layer.params["experts.v"])
        blind = spec.gradients(
            Layer(layer.config, dict(layer.params) | {"experts.v": v}), x, dy, training=self.mode(part)
        )
        self.routed = {name: grad for name, grad in blind.items() if not name.startswith("experts.")}
        try:
            return super().step(layer, x, dy, part)
        finally:
            self.routed = {}

    routed: dict[str, object] = {}  # noqa: RUF012

    def updated(self, name, old, gradient, mask):
        return super().updated(name, old, self.routed.get(name, gradient), mask)


name, profiles, forward, select, gradients, grow, train = Mutant.as_backend()
