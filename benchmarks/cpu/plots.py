"""Figures as two plots: forward passes over N and over T, and speed against PEER-pytorch on the grid."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from points import GRID
from scaling import OVER_EXPERTS, OVER_TOKENS
from store import read

__all__ = ["draw"]

Row = dict[str, Any]
STYLE = {
    "PEER-pytorch": ("#b3452c", "o", "-"),
    "torch, with the core": ("#1f5fa8", "o", "-"),
    "torch, library operations": ("#5aa7d6", "s", "-"),
    "predicted by the limits": ("#666666", "", "--"),
    "paper's Algorithm 1": ("#d99a2b", "^", "-"),
}


def draw(folder: Path) -> list[Path]:
    """Write what there are figures of."""
    mpl.rcParams["svg.hashsalt"] = "peerspec"  # the same figures give the same file
    drawn = []
    if rows := read(folder, "scaling")["rows"]:
        drawn.append(_save(_scaling(rows), folder / "scaling.svg"))
    if rows := read(folder, "forward")["rows"]:
        drawn.append(_save(_grid(rows), folder / "forward.svg"))
    return drawn


def _save(figure: Figure, path: Path) -> Path:
    figure.savefig(path, metadata={"Date": None})
    return path


def _scaling(rows: list[Row]) -> Figure:
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    fixed, over = OVER_EXPERTS[0], OVER_TOKENS[0]
    _lines(left, [row for row in rows if row["T"] == fixed.tokens], "N", 1e3)
    left.set(xlabel="experts N", ylabel="milliseconds", title=f"T = {fixed.tokens} tokens, D = {fixed.d_model}")
    _lines(right, [row for row in rows if row["N"] == over.n**2], "T", 1e6, per="T")
    right.set(xlabel="tokens T", ylabel="microseconds a token", title=f"N = 2²⁰ experts, D = {over.d_model}")
    left.legend(frameon=False)
    return figure


def _lines(axes: Axes, rows: list[Row], over: str, unit: float, per: str = "") -> None:
    for name in dict.fromkeys(row["variant"] for row in rows):
        color, marker, line = STYLE[name]
        mine = sorted((row for row in rows if row["variant"] == name), key=lambda row: row[over])
        at = [row[over] for row in mine]
        scale = [unit / (row[per] if per else 1) for row in mine]
        middle = [row["median"] * s for row, s in zip(mine, scale, strict=True)]
        axes.plot(at, middle, color=color, marker=marker, linestyle=line, label=name, markersize=4)
        if all("low" in row for row in mine):
            low, high = ([row[q] * s for row, s in zip(mine, scale, strict=True)] for q in ("low", "high"))
            axes.fill_between(at, low, high, color=color, alpha=0.2, linewidth=0)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.grid(alpha=0.25, which="both", linewidth=0.5)


def _grid(rows: list[Row]) -> Figure:
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    axes = figure.subplots()
    names = [name for name in dict.fromkeys(row["variant"] for row in rows) if "FFN" not in name]
    speeds = {(row["N"], row["D"], row["T"], row["variant"]): row.get("speed") for row in rows}
    for i, name in enumerate(names):
        heights = [speeds.get((p.n**2, p.d_model, p.tokens, name)) or 0 for p in GRID]
        axes.bar([at + (i - len(names) / 2) * 0.13 for at in range(len(GRID))], heights, 0.12, label=name)
    labels = [f"2^{2 * (p.n.bit_length() - 1)}\nD={p.d_model}\nT={p.tokens}" for p in GRID]
    axes.set_xticks(range(len(GRID)), labels, fontsize=8)
    axes.set(ylabel="speed against PEER-pytorch", title="Forward pass, N = 2^14 and 2^20")
    axes.axhline(1, color="#666666", linewidth=0.8)
    axes.set_yscale("log")
    axes.legend(frameon=False, fontsize=8, ncols=2)
    return figure
