"""Steps of gradient descent with momentum and weight decay on a part of a layer (SPEC.md, chapter 13).

SPEC.md leaves the optimiser open; this one has what must not reach a frozen entry: momentum and weight decay.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Shaped

from peerspec.reference.dtypes import compute_dtype
from peerspec.reference.forward import forward
from peerspec.reference.gradients import gradients
from peerspec.reference.layer import Layer
from peerspec.reference.trainable import Trainable

__all__ = ["train"]

RATE, MOMENTUM, DECAY = 2.0**-4, 0.9, 2.0**-3
"""Any numbers would do; these change each entry visibly in a few steps."""


def train(
    layer: Layer, x: Shaped[np.ndarray, "S *lead D"], dy: Shaped[np.ndarray, "S *lead M"], parts: Sequence[Trainable]
) -> Layer:
    """The layer after S steps.

    A step is velocity ← 0.9·velocity + gradient + decay·parameter and parameter ← parameter − rate·velocity, where the
    part of this step is trainable. Elsewhere neither changes (TRN-2).

    Args:
        layer: the layer.
        x, dy: the tokens and the upstream gradient of each step.
        parts: the trainable part in each step.

    Raises:
        InputError: as ``gradients``, or a part that does not fit the layer.

    Example:
        >>> from peerspec.reference import PeerConfig
        >>> layer = Layer.random(PeerConfig(d_model=4, heads=2, num_experts=9, top_k=2, d_key=4))
        >>> x = np.ones((1, 5, 4), np.float32)
        >>> after = train(layer, x, x, [Trainable(experts=np.zeros(9, bool))])
        >>> bool((after.params["experts.u"] == layer.params["experts.u"]).all())
        True
    """
    velocity: dict[str, Any] = dict.fromkeys(layer.params, 0.0)
    for tokens, upstream, part in zip(x, dy, parts, strict=True):
        params = dict(layer.params)
        found = gradients(layer, tokens, upstream, training=part.statistics)
        for name, mask in part.masks(layer.config).items():
            old = params[name].astype(np.float64)
            new = MOMENTUM * velocity[name] + found[name] + DECAY * old
            velocity[name] = np.where(mask, new, velocity[name])
            params[name] = np.where(mask, (old - RATE * velocity[name]).astype(layer.dtype), params[name])
        if part.statistics and layer.config.query_norm == "batch":
            state = forward(layer, tokens, training=True).state or {}
            params |= {name: array.astype(compute_dtype(layer.dtype)) for name, array in state.items()}
        layer = Layer(layer.config, params)
    return layer
