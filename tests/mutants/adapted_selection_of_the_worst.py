"""An adapter takes the experts of the lowest scores, and a layer does not show which ones it takes."""

from dataclasses import replace

import numpy as np
from _adapting import AdaptingBackend

from peerspec.reference import Layer

CLAUSE, STAGE = "ADP-2", "selection"


class Mutant(AdaptingBackend):
    def forward(self, layer, x, **options):
        return replace(AdaptingBackend.forward(layer, x, **options), scores=None, indices=None, gates=None)

    def route(self, adapter, x, training):
        layer = adapter.routing_layer()
        keys = np.asarray(-layer.params["keys"])
        found = super().route(adapter, x, training)
        worst = AdaptingBackend.forward(Layer(layer.config, dict(layer.params) | {"keys": keys}), x, training=training)
        return replace(
            found, indices=worst.indices, scores=-worst.scores, gates=_gates(layer.config.gate, -worst.scores)
        )


def _gates(kind, scores):
    scores = scores.astype(np.float64)
    if kind == "sigmoid":
        return 1 / (1 + np.exp(-scores))
    powers = np.exp(scores - scores.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


name, profiles, forward, select, gradients, adapt, adapter_gradients = Mutant.as_backend()
