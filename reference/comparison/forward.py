"""The layers of chapter 15, evaluated: the checks of the input are one for all of them."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
from jaxtyping import Bool, Shaped
from numpy.typing import DTypeLike

from peerspec.files.shown import shown
from peerspec.reference.comparison.config import DenseConfig, ExpertChoiceConfig, PKMConfig, TokenChoiceConfig
from peerspec.reference.comparison.dense import dense
from peerspec.reference.comparison.expert_choice import expert_choice
from peerspec.reference.comparison.layer import ComparisonLayer
from peerspec.reference.comparison.output import ExpertChoiceOutput, TokenChoiceOutput
from peerspec.reference.comparison.pkm import pkm
from peerspec.reference.comparison.token_choice import token_choice
from peerspec.reference.comparison.validation import flatten
from peerspec.reference.errors import InputError
from peerspec.reference.output import Output

__all__ = ["ComparisonOutput", "evaluate", "forward", "shape_of_selection"]

ComparisonOutput = Output | TokenChoiceOutput | ExpertChoiceOutput
"""The result of a layer: ``Output`` for dense layers, without routing, and for product-key memories."""


def forward(
    layer: ComparisonLayer,
    x: Shaped[np.ndarray, "*lead D"],
    *,
    mask: Bool[np.ndarray, "*lead"] | None = None,
    training: bool = False,
    dtype: DTypeLike = np.float64,
    selection: Shaped[np.ndarray, "*lead *routing"] | None = None,
) -> ComparisonOutput:
    """Evaluate the layer.

    Args:
        layer: the layer.
        x: tokens [..., D], with any number of leading axes, also none, of the dtype of the layer; for a float32 layer
            also bfloat16 or float16.
        mask: [...], True where a token counts; all by default. Experts of a mixture compute no other token (CMP-5).
        training: as for a PEER layer; matters to the query norm ``batch`` of a product-key memory alone.
        dtype: the dtype of the computation and the result, float32 or float64.
        selection: the ids [..., k] of a token-choice layer or [..., h, k] of a product-key memory, or, for an
            expert-choice layer, [..., E], True where an expert chooses the token; found by default.

    Raises:
        InputError: shapes or dtypes that do not fit the layer (SHP-1, SHP-2, NRM-5).

    Example:
        >>> from peerspec.reference.comparison import ComparisonLayer, TokenChoiceConfig
        >>> layer = ComparisonLayer.random(TokenChoiceConfig(d_model=4, num_experts=3, top_k=2, d_hidden=8))
        >>> out = forward(layer, np.ones((5, 4), np.float32))
        >>> out.y.shape, out.indices.shape
        ((5, 4), (5, 2))
    """
    tokens, mask, lead = flatten(layer.config.d_model, layer.dtype, x, mask)
    if selection is not None:
        selection = _flat_selection(layer, selection, lead)
    found = evaluate(layer, tokens.astype(dtype), mask, training=training, selection=selection)
    return _with_lead(found, lead)


def evaluate(
    layer: ComparisonLayer, x: np.ndarray, mask: np.ndarray, *, training: bool, selection: np.ndarray | None
) -> ComparisonOutput:
    """The result for tokens [T, D], with the mask [T]."""
    config = layer.config
    with np.errstate(invalid="ignore", over="ignore"):  # non-finite tokens are legal input (NFT-1)
        if isinstance(config, DenseConfig):
            return Output(dense(config, layer, x))
        if isinstance(config, TokenChoiceConfig):
            return token_choice(config, layer, x, mask, selection)
        if isinstance(config, ExpertChoiceConfig):
            return expert_choice(config, layer, x, mask, selection)
        return pkm(config, layer, x, mask, training=training, indices=selection)


def shape_of_selection(layer: ComparisonLayer) -> tuple[int, ...]:
    """The axes of a selection after those of the tokens."""
    config = layer.config
    if isinstance(config, PKMConfig):
        return config.heads, config.top_k
    if isinstance(config, DenseConfig):
        raise InputError("a dense layer selects nothing; leave out the selection (DNS-3)")
    return (config.top_k,) if isinstance(config, TokenChoiceConfig) else (config.num_experts,)


def _flat_selection(layer: ComparisonLayer, selection: Any, lead: tuple[int, ...]) -> np.ndarray:
    shape = shape_of_selection(layer)
    is_choice = isinstance(layer.config, ExpertChoiceConfig)
    kind, name = (np.bool_, "boolean") if is_choice else (np.integer, "integers")
    if selection.shape != (*lead, *shape) or not np.issubdtype(selection.dtype, kind):
        raise InputError(
            f"selection must be {name} of shape {(*lead, *shape)}, got {selection.dtype} of shape {selection.shape}"
        )
    if not isinstance(layer.config, DenseConfig | ExpertChoiceConfig) and selection.size:
        least, most = selection.min(), selection.max()
        if least < 0 or most >= layer.config.num_experts:
            raise InputError(
                f"selection must lie in 0..{layer.config.num_experts - 1}, got {shown(int(least))}..{shown(int(most))}"
            )
    return np.asarray(selection, bool if is_choice else np.int64).reshape(-1, *shape)


def _with_lead(found: Any, lead: tuple[int, ...]) -> Any:
    """The result with the leading axes of the input; running statistics have none."""
    arrays = {field.name: getattr(found, field.name) for field in fields(found)}
    return type(found)(
        **{
            name: array.reshape(*lead, *array.shape[1:]) if isinstance(array, np.ndarray) else array
            for name, array in arrays.items()
        }
    )
