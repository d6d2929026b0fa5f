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


def layout_named(layout: str | Layout) -> Layout:
    """The layout of that name, or the layout itself.

    Raises:
        InterchangeError: there is no such layout.
    """
    if isinstance(layout, Layout):
        return layout
    if layout in LAYOUTS:
        return LAYOUTS[layout]
    obstacle = Obstacle("there is no such layout", f"name one of {', '.join(LAYOUTS)}, or pass a Layout of your own")
    raise InterchangeError(Reason.UNKNOWN_LAYOUT, shown(layout), "", obstacle)
