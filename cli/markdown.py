"""The Markdown of a clause on a terminal: tables, lists and formulas drawn, clause identifiers as links."""

from __future__ import annotations

import re
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["show_markdown"]

_WIDTH = 100
"""Wider lines are hard to read."""
_LOCAL_LINK = re.compile(r"\[([^\]]*)\]\((?!https?://)[^)]*\)")
_CLAUSE = re.compile(r"\b[A-Z]{3}-\d+\b")


def show_markdown(text: str, console: Console) -> None:
    """Print blocks of Markdown; the text as it is where the output is no terminal."""
    from rich.text import Text

    from peerspec.cli.markdown_table import WholeMarkdown

    if not console.is_terminal:
        console.print(Text(text), soft_wrap=True)
        return
    for is_formula, blocks in groupby(text.split("\n\n"), key=lambda block: block[:1].isspace()):
        if is_formula:
            console.print(*(Text(f"\n{block}\n") for block in blocks), sep="\n")
        else:
            shown = "\n\n".join(map(_linked, blocks))
            console.print(WholeMarkdown(shown, code_theme="ansi_dark"), width=min(console.width, _WIDTH))


def _linked(block: str) -> str:
    """The block with a link at every identifier of a clause outside code, and without links to files beside it."""
    from peerspec.conformance.clauses import clause_url

    def link(match: re.Match[str]) -> str:
        url = clause_url(match[0])
        return f"[{match[0]}]({url})" if url else match[0]

    if block.startswith("```"):
        return block
    parts = _LOCAL_LINK.sub(r"\1", block).split("`")
    return "`".join(part if number % 2 else _CLAUSE.sub(link, part) for number, part in enumerate(parts))
