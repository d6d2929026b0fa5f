"""The blocks of a Markdown text: paragraphs, tables, lists, formulas and code between blank lines."""

from __future__ import annotations

import re

__all__ = ["flow", "split_blocks"]

_ITEM = r"(?:[-*]|\d+\.) "


def split_blocks(text: str) -> list[str]:
    """The blocks in order; blank lines within a fence of three back quotes do not end a block.

    Example:
        >>> split_blocks("One\\nparagraph.\\n\\n- a list")
        ['One\\nparagraph.', '- a list']
    """
    found: list[list[str]] = [[]]
    in_fence = False
    for line in text.splitlines():
        if line.startswith("```"):
            in_fence = not in_fence
        if line.strip() or in_fence:
            found[-1].append(line.rstrip())
        elif found[-1]:
            found.append([])
    return ["\n".join(lines) for lines in found if lines]


def flow(block: str) -> str:
    """The block with one line for each paragraph and item of a list; tables, code and indented formulas as they are.

    Example:
        >>> flow("One\\nparagraph."), flow("- an\\n  item\\n- another")
        ('One paragraph.', '- an item\\n- another')
    """
    if block.startswith(("|", "```")) or block[:1].isspace():
        return block
    if re.match(_ITEM, block):
        return re.sub(rf"\n\s*(?!\s|{_ITEM})", " ", block)
    return " ".join(block.split())
