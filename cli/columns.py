"""Rows of text in columns as wide as the terminal allows; one text below another where a word would not fit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.cells import cell_len
from rich.console import Console, Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

__all__ = ["column_widths", "show_rows"]

_SENTENCE = 30
"""A narrower column of sentences is hard to read."""
_GAP = 2


def show_rows(rows: Iterable[Sequence[Text]], console: Console, *, indent: int = 0) -> None:
    """Print rows of names and a sentence each: in columns, or the sentence below the names."""
    rows = list(rows)
    columns = list(zip(*rows, strict=True))
    room = console.width - indent - _GAP * (len(columns) - 1)
    widths = column_widths(columns, room, last=_SENTENCE)
    shown = _grid(rows, widths) if widths else _stacked(rows)
    console.print(Padding(shown, (0, 0, 0, indent)))


def _grid(rows: Iterable[Sequence[Text]], widths: Iterable[int]) -> Table:
    table = Table.grid(padding=(0, _GAP))
    for width in widths:
        table.add_column(width=width)
    for row in rows:
        table.add_row(*row)
    return table


def _stacked(rows: Iterable[Sequence[Text]]) -> Group:
    parts: list[Text | Padding] = []
    for *names, sentence in rows:
        parts += [Text(" " * _GAP).join(names)] if any(names) else []
        parts.append(Padding(sentence, (0, 0, 0, _GAP)))
    return Group(*parts)


def column_widths(columns: Sequence[Sequence[Text]], room: int, *, last: int = 0) -> list[int]:
    """Widths of columns [C] of cells, with ``room`` in sum, in which no word is divided; none if there are none.

    The widest columns give way first.

    Args:
        columns: the cells of each column, with its heading.
        room: the sum of the widths that are possible.
        last: the least width of the last column, unless its text is shorter.
    """
    whole = [_longest(line for cell in column for line in cell.plain.splitlines()) for column in columns]
    least = [_longest(word for cell in column for word in cell.plain.split()) for column in columns]
    least[-1:] = [max(width, min(last, whole[-1])) for width in least[-1:]]
    for most in range(max(whole, default=0), -1, -1):
        widths = [max(few, min(many, most)) for few, many in zip(least, whole, strict=True)]
        if sum(widths) <= room:
            return widths
    return []


def _longest(parts: Iterable[str]) -> int:
    return max(map(cell_len, parts), default=0)
