"""Plots: forward passes over N and over T, and the speed of passes and steps relative to PEER-pytorch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator
from results import read
from scaling import OVER_EXPERTS, OVER_TOKENS

__all__ = ["bars", "draw", "save"]

Row = dict[str, Any]
LONG_NAME = 40
"""Characters from which four names do not fit side by side in a legend."""
STYLE = {
    "PEER-pytorch": ("#b3452c", "o", "-"),
    "torch, with the core": ("#1f5fa8", "o", "-"),
    "torch, library operations": ("#5aa7d6", "s", "-"),
    "predicted by the limits": ("#666666", "", "--"),
    "paper's Algorithm 1": ("#d99a2b", "^", "-"),
}


def draw(folder: Path) -> list[Path]:
    """Write a plot for each part that has figures."""
    drawn = []
    if rows := read(folder, "scaling")["rows"]:
        drawn.append(save(_scaling(rows), folder / "scaling.svg"))
    if rows := read(folder, "forward")["rows"]:
        drawn.append(save(bars(rows, "Forward pass"), folder / "forward.svg"))
    if rows := read(folder, "backward")["rows"]:
        drawn.append(save(bars(rows, "Forward and backward pass"), folder / "backward.svg"))
    if rows := read(folder, "step")["rows"]:
        drawn.append(save(bars(rows, "Training step, against Adam(fused=True)"), folder / "step.svg"))
    return drawn


def save(figure: Figure, path: Path) -> Path:
    """Write the plot without a date, so that the same figures give the same file."""
    mpl.rcParams["svg.hashsalt"] = "peerspec"
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
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", frameon=False, fontsize=8, ncols=4)
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


def bars(rows: list[Row], title: str, *, against: str = "PEER-pytorch") -> Figure:
    """A plot of the speed of each variant at each point."""
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    axes = figure.subplots()
    names = [name for name in dict.fromkeys(row["variant"] for row in rows) if "FFN" not in name]
    points = list(dict.fromkeys((row["N"], row["D"], row["T"]) for row in rows))
    speeds = {(row["N"], row["D"], row["T"], row["variant"]): row.get("speed") for row in rows}
    width = 0.8 / len(names)
    for i, name in enumerate(names):
        positions = [at + (i - (len(names) - 1) / 2) * width for at in range(len(points))]
        axes.bar(positions, [speeds.get((*point, name)) or 0 for point in points], 0.9 * width, label=name)
    labels = [f"N = $2^{{{N.bit_length() - 1}}}$\nD = {D}\nT = {T}" for N, D, T in points]
    axes.set_xticks(range(len(points)), labels, fontsize=8)
    axes.set(ylabel=f"speed against {against}", title=title)
    axes.axhline(1, color="#666666", linewidth=0.8)
    axes.set_yscale("log")
    axes.yaxis.set_minor_locator(LogLocator(subs=(2, 5)))
    axes.yaxis.set_major_formatter("{x:g}×")
    axes.yaxis.set_minor_formatter("{x:g}×")
    columns = 4 if len(max(names, key=len)) < LONG_NAME else 3
    figure.legend(loc="outside lower center", frameon=False, fontsize=8, ncols=columns)
    return figure
