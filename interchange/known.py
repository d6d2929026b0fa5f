"""The layouts by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from peerspec.files.shown import shown
from peerspec.interchange.doge import DOGE
from peerspec.interchange.errors import InterchangeError, Obstacle, Reason
from peerspec.interchange.layout import Layout
from peerspec.interchange.mttl import MTTL
from peerspec.interchange.peer_pytorch import PEER_PYTORCH
from peerspec.interchange.product_key_memories import MEMORY_PEER, MEMORY_PKM, XLM

__all__ = ["LAYOUTS", "layout_named"]

LAYOUTS: Mapping[str, Layout] = MappingProxyType(
    {layout.name: layout for layout in (PEER_PYTORCH, MTTL, DOGE, MEMORY_PEER, MEMORY_PKM, XLM)}
)
"""The layouts of public projects by name."""

_KEEP = "keep such a checkpoint in its project"
_OTHER_LAYERS: Mapping[str, Obstacle] = MappingProxyType(
    {
        "product-key-memory": Obstacle(
            "it normalises each half of a query by itself, with one scale for all heads and halves", _KEEP, "NRM-6"
        ),
        "llm720": Obstacle("its experts have the ids i + j, and it normalises queries and keys", _KEEP, "IDX-1, SCO-1"),
        "huyphan168": Obstacle("its ids are positions in the grid of k × k candidates", _KEEP, "IDX-1"),
        "praxis": Obstacle("its queries read a normalised token, and its experts the token", _KEEP, "OUT-1"),
        "omni-moe": Obstacle("its gates are products of two softmaxes over all sub-keys", _KEEP, "GAT-1"),
    }
)
"""Projects whose layers have no counterpart, with the first reason; docs/implementations.md has their sources."""


def layout_named(layout: str | Layout) -> Layout:
    """The layout of that name, or the layout itself.

    Raises:
        InterchangeError: there is no such layout, or the layer of that project has no counterpart.
    """
    if isinstance(layout, Layout):
        return layout
    if layout in LAYOUTS:
        return LAYOUTS[layout]
    if layout in _OTHER_LAYERS:
        raise InterchangeError(Reason.NO_COUNTERPART, layout, "", _OTHER_LAYERS[layout])
    obstacle = Obstacle("there is no such layout", f"name one of {', '.join(LAYOUTS)}, or pass a Layout of your own")
    raise InterchangeError(Reason.UNKNOWN_LAYOUT, shown(layout), "", obstacle)
