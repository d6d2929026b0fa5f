"""A table of Markdown on a terminal: drawn where each word fits, else row by row with the headings as labels."""

from __future__ import annotations

from typing import ClassVar

from rich.console import Console, ConsoleOptions, RenderResult
from rich.markdown import Markdown, MarkdownElement, TableElement
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from peerspec.cli.columns import column_widths

__all__ = ["WholeMarkdown"]

_UNLIMITED = 10_000
"""A width at which no text of a clause is wrapped."""


class _WholeTable(TableElement):
    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for table in super().__rich_console__(console, options):
            assert isinstance(table, Table)
            cells = [[_text(cell) for cell in (column.header, *column.cells)] for column in table.columns]
            drawn = console.measure(table, options=options.update(width=_UNLIMITED)).maximum
            borders = drawn - sum(column_widths(cells, _UNLIMITED))
            widths = column_widths(cells, options.max_width - borders)
            for column, width in zip(table.columns, widths, strict=False):
                column.width = width
            yield from [table] if widths else _by_row(cells)


class WholeMarkdown(Markdown):
    """Markdown in which no cell of a table is cut off."""

    elements: ClassVar[dict[str, type[MarkdownElement]]] = {**Markdown.elements, "table_open": _WholeTable}


def _by_row(columns: list[list[Text]]) -> RenderResult:
    headings, *rows = zip(*columns, strict=True)
    for row in rows:
        for number, (heading, cell) in enumerate(zip(headings, row, strict=True)):
            label = Text.assemble(heading, ": ") if heading else Text()
            yield Padding(Text.assemble(label, cell), (0, 0, 0, 2 * (number > 0)))
        yield Text()


def _text(cell: object) -> Text:
    return cell if isinstance(cell, Text) else Text(str(cell))
