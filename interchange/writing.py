"""From a layer to the tensors of a project."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerspec.interchange.axes import STANDARD, axis_lengths, rearranged
from peerspec.interchange.errors import InterchangeError, Obstacle, Reason
from peerspec.interchange.known import layout_named
from peerspec.interchange.layout import Layout
from peerspec.interchange.retrieval import Retrieval
from peerspec.interchange.stating import check_conditions
from peerspec.interchange.token_query import token_query
from peerspec.reference import Layer, PeerConfig

__all__ = ["to_layout", "with_keys_per_head"]

_CLAUSES = {"query.bias": "QRY-1", "query_norm.mean": "NRM-1", "query_norm.scale": "NRM-6", "experts.w": "EXP-2"}


def to_layout(layout: str | Layout, layer: Layer | Retrieval) -> dict[str, NDArray[Any]]:
    """The tensors of a layer, as the state dict of another project names and orders them.

    ``layout.facts_of(layer.config)`` are the options with which the project computes the layer.

    Args:
        layout: a name in ``LAYOUTS``, or a layout of your own.
        layer: the layer; for the layout of a product-key memory, a ``Retrieval``.

    Returns:
        Arrays by name, with the dtypes of the layer.

    Raises:
        InterchangeError: the project has no such layer; ``reason`` and ``clause`` say why.

    Example:
        >>> layer = Layer.random(PeerConfig(4, 2, 9, 2, 4, key_heads=2))
        >>> to_layout("peer-pytorch", layer)["keys"].shape
        (2, 3, 2, 2)
    """
    layout = layout_named(layout)
    config = _config(layout, layer)
    _check_fields(layout, config)
    _check_names(layout, layer.params)
    check_conditions(layout, config, layout.facts_of(config), reason=Reason.NOT_EXPRESSIBLE)
    lengths = axis_lengths(config)
    if layout.query_is_token:
        _check_query(layout, layer.params["query.weight"], lengths)
    return {
        part.tensor: np.ascontiguousarray(
            rearranged(layer.params[part.parameter], STANDARD[part.parameter], part.axes, lengths)
        )
        for part in layout.parts
        if part.parameter in layer.params
    }


def with_keys_per_head(layer: Layer) -> Layer:
    """The layer with a copy of the common keys for each head. It computes the same; its keys are no longer tied.

    Example:
        >>> with_keys_per_head(Layer.random(PeerConfig(4, 2, 9, 2, 4))).params["keys"].shape
        (2, 2, 3, 2)
    """
    keys = layer.params["keys"]
    repeated = np.broadcast_to(keys, (layer.config.heads, *keys.shape[1:]))
    return Layer(replace(layer.config, key_heads=layer.config.heads), {**layer.params, "keys": repeated})


def _config(layout: Layout, layer: Layer | Retrieval) -> PeerConfig:
    if layout.has_experts and isinstance(layer, Layer):
        return layer.config
    if not layout.has_experts and isinstance(layer, Retrieval):
        return PeerConfig(**layer.fields)
    if layout.has_experts:
        obstacle = Obstacle("a retrieval has no experts, which this layout holds", "pass a Layer")
    else:
        what = "this is the layout of a product-key memory, which has values instead of experts"
        obstacle = Obstacle(what, "write Retrieval.of(layer), without its experts", "EXP-1")
    raise InterchangeError(Reason.NOT_EXPRESSIBLE, layout.name, "", obstacle)


def _check_fields(layout: Layout, config: PeerConfig) -> None:
    if config.key_heads != config.heads:
        obstacle = Obstacle(
            "the heads of the layer share their keys, and each head of the project has its own",
            "write with_keys_per_head(layer), which computes the same",
            "SCO-3",
        )
        raise InterchangeError(Reason.NOT_EXPRESSIBLE, layout.name, "key_heads", obstacle)
    if config.heads != layout.lengths.get("h", config.heads):
        obstacle = Obstacle(f"the project has one head, and the layer {config.heads}", "write each head as a layer")
        raise InterchangeError(Reason.NOT_EXPRESSIBLE, layout.name, "heads", obstacle)
    known: dict[str, tuple[str, ...]] = {name: (value,) for name, value in layout.fixed.items()}
    known |= {fact.name: fact.takes for fact in layout.facts if fact.takes}
    for name, takes in known.items():
        if getattr(config, name) not in takes:
            what = f"the project has only {' and '.join(takes)}, and the layer {getattr(config, name)}"
            obstacle = Obstacle(what, "write another layer, or keep this one here", "CFG-5")
            raise InterchangeError(Reason.NOT_EXPRESSIBLE, layout.name, name, obstacle)


def _check_names(layout: Layout, params: Mapping[str, NDArray[Any]]) -> None:
    """Check that the project has a tensor for every parameter, and the layer every parameter that the project needs."""
    written = {part.parameter for part in layout.parts}
    if layout.query_is_token:
        written |= {"query.weight"}
    options = {part.option for part in layout.parts if part.optional and part.parameter in params}
    needed = {part.parameter for part in layout.parts if not part.optional or part.option in options}
    for name in params:
        if name not in written:
            obstacle = Obstacle(
                "the project has no tensor for this", "write a layer without it", _CLAUSES.get(name, "")
            )
            raise InterchangeError(Reason.NOT_EXPRESSIBLE, layout.name, name, obstacle)
    for name in sorted(needed - params.keys()):
        obstacle = Obstacle("the project needs this, and the layer lacks it", _advice(name), _CLAUSES.get(name, ""))
        raise InterchangeError(Reason.NOT_EXPRESSIBLE, layout.name, name, obstacle)


def _advice(name: str) -> str:
    return "give the layer one of zeros" if name == "query.bias" else "write a layer that has it"


def _check_query(layout: Layout, query: NDArray[Any], lengths: Mapping[str, int]) -> None:
    if lengths["c"] != lengths["D"] or not np.array_equal(query, token_query(lengths, query.dtype)):
        obstacle = Obstacle(
            "the project has no query maps: each half of its query is the token",
            "multiply the keys by the query maps first, which rounds them",
            "QRY-1",
        )
        raise InterchangeError(Reason.NOT_EXPRESSIBLE, layout.name, "query.weight", obstacle)
