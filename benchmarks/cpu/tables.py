"""Figures as one Markdown page."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from store import read

__all__ = ["markdown"]

Row = dict[str, Any]
Cell = Callable[[Row], str]
SUPERSCRIPT = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def markdown(folder: Path) -> str:
    """All parts of which there are figures."""
    parts = {
        "forward": (
            "Forward pass",
            "Milliseconds (quartiles), and speed against PEER-pytorch in the same run.",
            _speed,
        ),
        "backward": (
            "Forward and backward pass",
            "Gradients of x and all parameters, of the tables as touched rows; milliseconds (quartiles), and speed.",
            _speed,
        ),
        "step": (
            "Training step",
            "Forward, backward and update; milliseconds (quartiles), and speed against PEER-pytorch with "
            "`Adam(fused=True)`.",
            _speed,
        ),
        "experts": (
            "Expert stage alone",
            "Random ids; milliseconds, gigabytes a second of rows read, and their share of the fastest gather's.",
            _share,
        ),
        "selection": ("Selection alone", "Half scores to the 16 best; microseconds a row, and speed.", _per_row),
        "memory": (
            "Memory",
            "Peak beyond what stood before the pass and beyond y, MiB; a fresh process each.",
            _mebibytes,
        ),
        "step-memory": (
            "Memory of a training step",
            "Peak beyond parameters and the optimiser's state, MiB; a fresh process each.",
            _mebibytes,
        ),
        "scaling": ("Scaling", "Milliseconds (quartiles), D = 256.", _milliseconds),
    }
    text = ["# Measured on the CPU", "", *_about(folder, list(parts)), ""]
    for part, (title, note, cell) in parts.items():
        if rows := read(folder, part)["rows"]:
            text += [f"## {title}", "", note, "", *_table(rows, cell), ""]
    return "\n".join(text)


def _about(folder: Path, parts: list[str]) -> list[str]:
    found = [about for part in parts if (about := read(folder, part)["machine"])]
    if not found:
        return []
    one = found[0]
    versions = ", ".join(f"{name} {number}" for name, number in one["versions"].items())
    dates = sorted({about["date"] for about in found})
    return [
        f"{' and '.join(dates)}; {one['processor']}, {one['instructions']}, {one['threads']} threads of "
        f"{one['processors']} processors, {one['memory_gib']} GiB; Python {one['python']}, {versions}.",
        "h = 8, k = 16, d = 128, float32; experts are chosen nearly uniformly, the worst case for locality. Written by",
        "`python benchmarks/cpu`. Absolute times hold for this machine at that hour; ratios are of one run.",
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


def _milliseconds(row: Row) -> str:
    if "bytes_per_second" in row and "low" not in row:
        rates = f"{row['bytes_per_second'] / 1e9:.1f} GB/s, {row['operations_per_second'] / 1e9:.0f} GFLOP/s"
        return f"{row['median'] * 1e3:.3g} ({rates})"
    return f"{row['median'] * 1e3:.3g} ({row['low'] * 1e3:.3g} … {row['high'] * 1e3:.3g})"


def _speed(row: Row) -> str:
    return f"{_milliseconds(row)} ×{row['speed']:.2g}"


def _share(row: Row) -> str:
    return f"{row['median'] * 1e3:.3g}, {row['bytes_per_second'] / 1e9:.1f} GB/s, {row['of_limit']:.0%}"


def _per_row(row: Row) -> str:
    return f"{row['median'] / row['rows'] * 1e6:.2f} ×{row['speed']:.1f}"


def _mebibytes(row: Row) -> str:
    return f"{row['beyond'] / 2**20:,.1f}"
