"""Plots: time over N and over T, the speed of passes and steps, and each stage under the roofs of the machine."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import matplotlib as mpl
from forward import RIVALS
from markdown_page import SUPERSCRIPT
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator
from results import read
from scaling import OVER_EXPERTS, OVER_TOKENS

__all__ = ["bars", "draw", "save"]

Row = dict[str, Any]
LONG_NAME = 40
"""Characters from which four names do not fit side by side in a legend."""
OURS, FASTEST = "torch, with the core", "fastest other implementation"
STYLE = {
    OURS: ("#1f5fa8", "o", "-", "peerspec"),
    FASTEST: ("#b3452c", "o", "-", "the fastest other implementation"),
    "dense FFN of equal parameters": ("#777777", "s", "-", "a dense block with as many parameters"),
    "dense FFN of equal FLOPs": ("#777777", "^", "--", "a dense block with as many operations"),
    "predicted by the limits": ("#1f5fa8", "", ":", "limits of this machine"),
}


def draw(folder: Path) -> list[Path]:
    """Write a plot for each part of one machine that has figures."""
    drawn = []
    if rows := read(folder, "scaling")["rows"]:
        drawn.append(save(_scaling(rows), folder / "scaling.svg"))
        drawn.append(save(_over_experts(rows), folder / "experts.svg"))
    if rows := read(folder, "stages")["rows"]:
        drawn.append(save(_roofs(rows), folder / "roofline.svg"))
    for part, title in (
        ("forward", "Forward pass"),
        ("backward", "Forward and backward pass"),
        ("step", "Training step, among optimisers of one kind"),
    ):
        if rows := read(folder, part)["rows"]:
            drawn.append(save(bars(rows, title), folder / f"{part}.svg"))
    return drawn


def save(figure: Figure, path: Path) -> Path:
    """Write the plot without a date, so that the same figures give the same file."""
    mpl.rcParams["svg.hashsalt"] = "peerspec"
    figure.savefig(path, metadata={"Date": None})
    return path


def with_fastest(rows: list[Row]) -> list[Row]:
    """The rows, and one for the fastest rival of each point."""
    rivals = [row for row in rows if row["variant"] in RIVALS]
    points = dict.fromkeys((row["N"], row["D"], row["T"]) for row in rivals)
    fastest = [
        min((row for row in rivals if (row["N"], row["D"], row["T"]) == point), key=lambda row: row["median"])
        for point in points
    ]
    return rows + [{**row, "variant": FASTEST} for row in fastest]


def _over_experts(rows: list[Row]) -> Figure:
    """The plot that opens the page: what more experts cost."""
    figure = Figure(figsize=(7.6, 4.4), layout="constrained")
    axes = figure.subplots()
    names = [OURS, FASTEST, "dense FFN of equal parameters"]
    at = [row for row in with_fastest(rows) if row["T"] == OVER_EXPERTS[0].tokens]
    _lines(axes, at, names, "N", 1e3)
    for name in names:
        color, *_, label = STYLE[name]
        last = max((row for row in at if row["variant"] == name), key=lambda row: row["N"])
        place = {"xy": (last["N"], last["median"] * 1e3), "xytext": (0, 8), "textcoords": "offset points"}
        axes.annotate(label, **place, color=color, ha="right" if last["N"] > 1 << 18 else "left", fontsize=10)
    own = sorted((row["N"], row["median"]) for row in at if row["variant"] == OURS)
    (few, fast), (many, slow) = own[0], own[-1]
    exponents = [(point.n**2).bit_length() - 1 for point in OVER_EXPERTS]
    axes.set_xticks([1 << e for e in exponents], [_experts(1 << e) for e in exponents])
    axes.set(
        xlabel="experts",
        ylabel="milliseconds for 512 tokens",
        title=f"{many // few:,} times as many experts take {slow / fast:.1f} times as long",
    )
    axes.set_ylim(top=2.5 * axes.get_ylim()[1])
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def _experts(count: int) -> str:
    return f"{count / 2**20:g} M" if count >= 1 << 20 else f"{count >> 10} K"


def _scaling(rows: list[Row]) -> Figure:
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    fixed, over = OVER_EXPERTS[0], OVER_TOKENS[0]
    every = with_fastest(rows)
    _lines(left, [row for row in every if row["T"] == fixed.tokens], STYLE, "N", 1e3)
    left.set(xlabel="experts N", ylabel="milliseconds", title=f"T = {fixed.tokens} tokens, D = {fixed.d_model}")
    _lines(right, [row for row in every if row["N"] == over.n**2], STYLE, "T", 1e6, per="T")
    right.set(xlabel="tokens T", ylabel="microseconds a token", title=f"N = 2²⁰ experts, D = {over.d_model}")
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", frameon=False, fontsize=8, ncols=3)
    return figure


def _lines(axes: Axes, rows: list[Row], names: Iterable[str], over: str, unit: float, per: str = "") -> None:
    for name in names:
        color, marker, line, label = STYLE[name]
        mine = sorted((row for row in rows if row["variant"] == name), key=lambda row: row[over])
        at = [row[over] for row in mine]
        scale = [unit / (row[per] if per else 1) for row in mine]
        middle = [row["median"] * s for row, s in zip(mine, scale, strict=True)]
        axes.plot(at, middle, color=color, marker=marker, linestyle=line, label=label, markersize=4)
        if all("low" in row for row in mine):
            low, high = ([row[q] * s for row, s in zip(mine, scale, strict=True)] for q in ("low", "high"))
            axes.fill_between(at, low, high, color=color, alpha=0.2, linewidth=0)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.grid(alpha=0.25, which="both", linewidth=0.5)


def _roofs(rows: list[Row]) -> Figure:
    """Operations per second over operations per byte: a stage lies under the roof of products or of random rows."""
    figure = Figure(figsize=(7.6, 4.4), layout="constrained")
    axes = figure.subplots()
    rate, bandwidth = (max(row[name] for row in rows) for name in ("operations_per_second", "bytes_per_second"))
    ridge, low, high = rate / bandwidth, 0.1, 2000
    axes.plot([low, ridge, high], [low * bandwidth / 1e9, rate / 1e9, rate / 1e9], color="#333333")
    roof = {"textcoords": "offset points", "fontsize": 9}
    axes.annotate(f"{rate / 1e9:.0f} GFLOP/s of products", (high, rate / 1e9), xytext=(0, 6), ha="right", **roof)
    axes.annotate(
        f"{bandwidth / 1e9:.0f} GB/s of random rows",
        (ridge / 6, bandwidth * ridge / 6e9),
        xytext=(-8, 4),
        ha="right",
        **roof,
    )
    for width, color in zip(dict.fromkeys(row["D"] for row in rows), ("#1f5fa8", "#d99a2b"), strict=False):
        mine = [row for row in rows if row["D"] == width]
        at = [row["operations"] / row["bytes"] for row in mine]
        axes.plot(at, [row["operations"] / row["median"] / 1e9 for row in mine], "o", color=color, label=f"D = {width}")
    for name in dict.fromkeys(row["variant"] for row in rows):
        mine = [row for row in rows if row["variant"] == name]
        shares = " and ".join(f"{row['of_limit']:.0%}" for row in mine)
        below = min(row["operations"] / row["median"] for row in mine) / 1e9
        place = min(row["operations"] / row["bytes"] for row in mine)
        axes.annotate(f"{name}\n{shares}", (place, below), xytext=(0, -8), ha="center", va="top", **roof)
    axes.set(xlim=(low, high), ylim=(4, 2 * rate / 1e9), xscale="log", yscale="log")
    axes.grid(alpha=0.25, which="both", linewidth=0.5)
    axes.legend(frameon=False, loc="lower right")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_major_formatter("{x:g}")
    power = str(rows[0]["N"].bit_length() - 1).translate(SUPERSCRIPT)
    axes.set(
        xlabel="operations for each byte of memory",
        ylabel="GFLOP/s",
        title=f"Stages and their limits, N = 2{power}, T = {rows[0]['T']}",
    )
    return figure


def bars(rows: list[Row], title: str, *, against: str = "the fastest rival") -> Figure:
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
