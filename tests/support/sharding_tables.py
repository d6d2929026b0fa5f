"""The tables of docs/several-processes.md, from the figures of benchmarks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FIGURES = Path(__file__).parents[2] / "benchmarks" / "results" / "sharding.json"


def tables() -> tuple[str, str]:
    """The rows of traffic, and those of loads."""
    found = json.loads(FIGURES.read_text("utf-8"))
    counts = dict.fromkeys(row["processes"] for row in found["sent"])
    traffic = "\n".join(_traffic(found["sent"], count) for count in counts)
    loads = "\n".join(_loads(found["loads"], count) for count in sorted({row["processes"] for row in found["loads"]}))
    return traffic, loads


def mapped() -> str:
    """The rows of inference from a memory-mapped file."""
    found = json.loads(FIGURES.with_name("memory_mapped.json").read_text("utf-8"))
    return "\n".join(_mapped(row) for row in found["rows"])


def _mapped(row: dict[str, float]) -> str:
    rates = [f"{row['cold']:.0f}", f"{row['late']:.0f}", f"{row['again']:,.0f}"]
    return f"| {row['tokens']} | {' | '.join(rates)} | {row['resident'] / 1e9:.1f} GB |"


def _traffic(rows: list[dict[str, Any]], count: int) -> str:
    own = {row["by"]: row for row in rows if row["processes"] == count}
    cells = [_both(own[by].get(kind)) for by in ("rows", "width") for kind in ("model", "measured")]
    return f"| {count:,} | {' | '.join(cells)} |"


def _both(row: dict[str, float] | None) -> str:
    return "" if row is None else f"{row['forward']:,.0f} / {row['backward']:,.0f}"


def _loads(rows: list[dict[str, Any]], count: int) -> str:
    busiest = [f"{row['busiest']:.2f}" for row in rows if row["processes"] == count]
    return f"| {count:,} | {' | '.join(busiest)} |"
