"""Except in training, tokens are processed two at a time."""

import numpy as np
from _base import NumpyBackend

from peerspec.reference import Output


class Variant(NumpyBackend):
    def forward(self, layer, x, *, mask=None, training=False):
        lead, config = x.shape[:-1], layer.config
        tokens = x.reshape(-1, config.d_model)
        if training or len(tokens) < 3:
            return super().forward(layer, x, mask=mask, training=training)
        parts = [super(Variant, self).forward(layer, tokens[at : at + 2]) for at in range(0, len(tokens), 2)]
        pairs = (*lead, config.heads, config.top_k)
        routing = {
            name: np.concatenate([getattr(part, name) for part in parts]).reshape(pairs)
            for name in ("scores", "indices", "gates")
        }
        return Output(np.concatenate([part.y for part in parts]).reshape(*lead, config.d_out), **routing)


name, profiles, forward, select, gradients = Variant.as_backend()
