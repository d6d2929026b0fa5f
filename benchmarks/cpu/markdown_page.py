"""Figures of a benchmark as one Markdown page, a table for each part."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from results import read

__all__ = ["Part", "Row", "mebibytes", "milliseconds", "page", "rate", "speed"]

Row = dict[str, Any]
Cell = Callable[[Row], str]
SUPERSCRIPT = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


class Part(NamedTuple):
    """The heading of a part, a sentence that explains the cells, and the function from a row to its cell."""

    title: str
    note: str
    cell: Cell


def page(folder: Path, title: str, parts: Mapping[str, Part], command: str) -> str:
    """A table for each part that has figures; ``command`` is the command that writes the page."""
    text = [f"# {title}", "", *_about(folder, parts, command), ""]
    for name, part in parts.items():
        if rows := read(folder, name)["rows"]:
            text += [f"## {part.title}", "", part.note, "", *_table(rows, part.cell), ""]
    return "\n".join(text)


def milliseconds(row: Row) -> str:
    """The median, and quartiles or rates."""
    if "bytes_per_second" in row and "low" not in row:
        rates = f"{row['bytes_per_second'] / 1e9:.1f} GB/s, {row['operations_per_second'] / 1e9:.0f} GFLOP/s"
        return f"{row['median'] * 1e3:.3g} ({rates})"
    return f"{row['median'] * 1e3:.3g} ({row['low'] * 1e3:.3g} … {row['high'] * 1e3:.3g})"


def speed(row: Row) -> str:
    """Milliseconds, and speed relative to the variant that the part compares with."""
    return f"{milliseconds(row)} ×{row['speed']:.2g}"


def rate(row: Row) -> str:
    """Milliseconds, bytes per second, and the percentage of the rate of the fastest gather."""
    return f"{row['median'] * 1e3:.3g}, {row['bytes_per_second'] / 1e9:.1f} GB/s, {row['of_limit']:.0%}"


def mebibytes(row: Row) -> str:
    """Additional memory, in MiB."""
    return f"{row['beyond'] / 2**20:,.1f}"


def _about(folder: Path, parts: Iterable[str], command: str) -> list[str]:
    found = [about for part in parts if (about := read(folder, part)["machine"])]
    if not found:
        return []
    one = found[0]
    versions = ", ".join(f"{name} {number}" for name, number in one["versions"].items())
    dates = sorted({about["date"] for about in found})
    return [
        f"{' and '.join(dates)}; {one['processor']}, {one['instructions']}, {one['threads']} threads of "
        f"{one['processors']} processors, {one['memory_gib']} GiB; Python {one['python']}, {versions}.",
        "h = 8, k = 16, d = 128, float32; experts are selected nearly uniformly, the worst case for locality. Written",
        f"by `{command}`. Absolute times are those of this machine at that time; a ratio compares times of one run.",
    ]


def _table(rows: list[Row], cell: Cell) -> list[str]:
    points = list(dict.fromkeys(_point(row) for row in rows))
    variants = list(dict.fromkeys(row["variant"] for row in rows))
    cells = {(_point(row), row["variant"]): row.get("absent") or cell(row) for row in rows}
    head = [f"| | {' | '.join(variants)} |", "|---" * (len(variants) + 1) + "|"]
    return head + [f"| {p} | {' | '.join(cells.get((p, name), '') for name in variants)} |" for p in points]


def _point(row: Row) -> str:
    if "n" in row:
        return f"n = {row['n']}"
    power = str(round(math.log2(row["N"]))).translate(SUPERSCRIPT)
    return f"N = 2{power}, D = {row['D']}, T = {row['T']}"
