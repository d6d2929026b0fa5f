"""The identifier of a clause on a terminal: a link to its text, where the terminal shows links."""

from __future__ import annotations

from rich.style import Style
from rich.text import Text

from peerspec.conformance.clauses import clause_url

__all__ = ["clause_link"]


def clause_link(id: str, style: str = "", *, width: int = 0) -> Text:
    """The identifier, padded to ``width``; rich writes the link only to a terminal that takes its styles."""
    linked = Text(id, Style.parse(style) + Style(link=clause_url(id) or None))
    return linked + " " * (width - len(id))
