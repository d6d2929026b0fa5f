"""The gradients of the layers of chapter 15, derived by hand in the file of each, for a constant selection."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Shaped
from numpy.typing import DTypeLike

from peerspec.reference.comparison.config import DenseConfig, ExpertChoiceConfig, PKMConfig, TokenChoiceConfig
from peerspec.reference.comparison.dense import dense_backward
from peerspec.reference.comparison.expert_choice import expert_choice_backward
from peerspec.reference.comparison.forward import ComparisonOutput, evaluate, forward
from peerspec.reference.comparison.layer import ComparisonLayer
from peerspec.reference.comparison.output import ExpertChoiceOutput, TokenChoiceOutput
from peerspec.reference.comparison.pkm import pkm_backward
from peerspec.reference.comparison.token_choice import token_choice_backward
from peerspec.reference.comparison.validation import check_dy, flatten
from peerspec.reference.output import Output

__all__ = ["gradients"]


def gradients(
    layer: ComparisonLayer,
    x: Shaped[np.ndarray, "*lead D"],
    dy: Shaped[np.ndarray, "*lead M"],
    *,
    mask: Bool[np.ndarray, "*lead"] | None = None,
    training: bool = True,
    dtype: DTypeLike = np.float64,
    selection: Shaped[np.ndarray, "*lead *routing"] | None = None,
) -> dict[str, np.ndarray]:
    """The gradients of Σ dy·y with respect to x and to every parameter except running statistics.

    Args:
        layer, x, mask, training, dtype, selection: as in ``forward``.
        dy: [..., M], the gradient of a scalar with respect to y.

    Returns:
        The gradients by parameter name, and of x by ``"x"``, each of the shape of its parameter.

    Raises:
        InputError: as ``forward``.

    Example:
        >>> from peerspec.reference.comparison import ComparisonLayer, DenseConfig
        >>> layer = ComparisonLayer.random(DenseConfig(d_model=4, d_hidden=8))
        >>> x = np.ones((5, 4), np.float32)
        >>> {name: gradient.shape for name, gradient in sorted(gradients(layer, x, dy=x).items())}
        {'u': (8, 4), 'v': (8, 4), 'x': (5, 4)}
    """
    tokens, counted, lead = flatten(layer.config.d_model, layer.dtype, x, mask)
    check_dy(dy, (*lead, layer.config.d_out))
    if selection is not None:
        forward(layer, x, mask=mask, training=training, selection=selection)  # which checks it
        selection = selection.reshape(len(tokens), *selection.shape[len(lead) :])
    tokens, dy = tokens.astype(dtype), dy.reshape(-1, layer.config.d_out).astype(dtype)
    out = evaluate(layer, tokens, counted, training=training, selection=selection)
    with np.errstate(invalid="ignore", over="ignore"):  # as in ``evaluate``
        grads = _backward(layer, tokens, counted, out, dy, training=training)
    return grads | {"x": grads["x"].reshape(x.shape)}


def _backward(
    layer: ComparisonLayer, x: np.ndarray, mask: np.ndarray, out: ComparisonOutput, dy: np.ndarray, *, training: bool
) -> dict[str, np.ndarray]:
    config = layer.config
    if isinstance(config, DenseConfig):
        return dense_backward(config, layer, x, dy)
    if isinstance(config, TokenChoiceConfig) and isinstance(out, TokenChoiceOutput):
        return token_choice_backward(config, layer, x, out, dy)
    if isinstance(config, ExpertChoiceConfig) and isinstance(out, ExpertChoiceOutput):
        return expert_choice_backward(config, layer, x, out, dy)
    assert isinstance(config, PKMConfig)
    assert isinstance(out, Output)
    return pkm_backward(config, layer, x, mask, out, dy, training=training)
