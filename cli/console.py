"""The terminal of a command: no text of others reaches it as markup, escape sequence or control character."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

__all__ = ["SafeConsole"]

_REPLACED = "�"


class SafeConsole(Console):
    """A console that shows each character that cannot be printed as a mark of its own.

    Texts are shown as they are: square brackets are no markup, and numbers have no colour.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(highlight=False, markup=False, emoji=False, **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """The segments of what is shown; rich calls this for everything that it prints."""
        for segment in super().render(renderable, options):
            text, style, control = segment
            yield segment if control or text.isprintable() else Segment(_safe(text), style)


def _safe(text: str) -> str:
    return "".join(each if each.isprintable() or each == "\n" else _REPLACED for each in text)
