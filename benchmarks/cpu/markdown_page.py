"""Figures of a benchmark as one Markdown page: for each machine a table, or two, for each part."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from results import machines, read

__all__ = ["SUPERSCRIPT", "Part", "Row", "figure", "mebibytes", "milliseconds", "page", "point_of", "rate", "states"]

Row = dict[str, Any]
Cell = Callable[[Row], str]
SUPERSCRIPT = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


class Part(NamedTuple):
    """The heading of a part, a sentence that explains the cells, and the function from a row to its cell.

    Attributes:
        ours: beginnings of the names of the variants whose ratios stand in a table of their own; none if empty.
    """

    title: str
    note: str
    cell: Cell
    ours: tuple[str, ...] = ()


def page(folder: Path, title: str, parts: Mapping[str, Part], command: str) -> str:
    """The page of all machines; ``command`` is the command that writes it."""
    text = [
        f"# {title}",
        "",
        f"Written by `{command}`. A ratio compares times of one run on one machine. Variants take turns in a new",
        "random order each round, on new tokens each round. Cold: the caches were overwritten before the call, as by",
        "the other layers of a model. Warm: the same call again. h = 8, k = 16, d = 128, float32; experts are selected",
        "nearly uniformly, the worst case for locality. A figure is the median of 3 to 21 rounds, as the time allows.",
        "",
    ]
    for one in machines(folder):
        text += [*_about(one, parts), ""]
        for name, part in parts.items():
            if rows := read(one, name)["rows"]:
                text += [f"### {part.title}", "", part.note, ""]
                text += [*_ratios(rows, part.ours), ""] if part.ours else []
                text += [*_table(rows, part.cell), ""]
    return "\n".join(text)


def figure(value: float, digits: int = 3) -> str:
    """A number with this many digits, without an exponent."""
    text = f"{value:.{digits}g}"
    return f"{float(text):,.0f}" if "e+" in text else text


def milliseconds(row: Row) -> str:
    """The median, and quartiles or rates."""
    if "bytes_per_second" in row and "low" not in row:
        rates = f"{row['bytes_per_second'] / 1e9:.1f} GB/s, {row['operations_per_second'] / 1e9:.0f} GFLOP/s"
        return f"{figure(row['median'] * 1e3)} ({rates})"
    low, median, high = (figure(row[name] * 1e3) for name in ("low", "median", "high"))
    return f"{median} ({low} … {high})"


def states(row: Row) -> str:
    """Medians in milliseconds, cold and warm."""
    return f"{figure(row['median'] * 1e3)} / {figure(row['warm'] * 1e3)}"


def rate(row: Row) -> str:
    """Milliseconds, bytes per second, and the percentage of the rate of the fastest gather."""
    return f"{figure(row['median'] * 1e3)}, {row['bytes_per_second'] / 1e9:.1f} GB/s, {row['of_limit']:.0%}"


def mebibytes(row: Row) -> str:
    """Additional memory, in MiB."""
    return f"{row['beyond'] / 2**20:,.1f}"


def point_of(row: Row) -> str:
    """The sizes of a row in words."""
    if "n" in row:
        return f"n = {row['n']}"
    power = str(round(math.log2(row["N"]))).translate(SUPERSCRIPT)
    return f"N = 2{power}, D = {row['D']}, T = {row['T']}"


def _about(folder: Path, parts: Iterable[str]) -> list[str]:
    found = [about for part in parts if (about := read(folder, part)["machine"])]
    if not found:
        return []
    one = found[0]
    versions = ", ".join(f"{name} {number}" for name, number in one["versions"].items())
    dates = sorted({about["date"] for about in found})
    facts = [f"{one['processors']} processors", f"{one['memory_gib']} GiB"]
    if "huge_pages" in one:
        facts += [f"last cache {one['last_cache_mib']} MiB", f"huge pages {one['huge_pages']}"]
        for count in one["gflops"]:
            rates = [about["gflops"][count] for about in found]
            facts.append(f"{min(rates)} to {max(rates)} GFLOP/s on {count} thread{'s' * (count != '1')}")
    return [
        f"## {one['processor']}, {one['instructions']}, {one['threads']} threads",
        "",
        f"{' and '.join(dates)}; {', '.join(facts)}; Python {one['python']}, {versions}.",
    ]


def _ratios(rows: list[Row], ours: tuple[str, ...]) -> list[str]:
    """How many times as fast as the fastest other implementation, for each variant of this project."""
    medians = {(point_of(row), row["variant"]): row for row in rows}
    head = "| | variant | cold, ms | fastest rival | its ms | × cold | × warm | × PEER-pytorch |"
    lines = [head, "|---" * 8 + "|"]
    for row in (row for row in rows if row["variant"].startswith(ours) and "speed" in row):
        rival = medians[point_of(row), row["rival"]]
        package = figure(row["speed_package"], 2) if "speed_package" in row else ""
        cells = [point_of(row), row["variant"], milliseconds(row), row["rival"], milliseconds(rival)]
        lines.append("| " + " | ".join([*cells, figure(row["speed"], 2), figure(row["speed_warm"], 2), package]) + " |")
    return lines


def _table(rows: list[Row], cell: Cell) -> list[str]:
    points = list(dict.fromkeys(point_of(row) for row in rows))
    variants = list(dict.fromkeys(row["variant"] for row in rows))
    cells = {(point_of(row), row["variant"]): row.get("absent") or cell(row) for row in rows}
    head = [f"| | {' | '.join(variants)} |", "|---" * (len(variants) + 1) + "|"]
    return head + [f"| {p} | {' | '.join(cells.get((p, name), '') for name in variants)} |" for p in points]
