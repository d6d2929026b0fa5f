"""How many experts were selected how often."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from jaxtyping import Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from peerspec.plots.layer_usage import LayerUsage
from peerspec.plots.numbers import percent, short
from peerspec.plots.theme import LIGHT, Theme, new_figure

__all__ = ["usage_histogram"]

MAX_BARS = 16
"""With more bars, the numbers above them would not fit."""
STEEP = 100
"""From this ratio of the highest bar to the lowest on, the axis is logarithmic: the lowest would be invisible."""


def usage_histogram(layer: LayerUsage, *, theme: Theme = LIGHT) -> Figure:
    """Bars of experts by how often they were selected, in equal steps of the logarithm; the unused ones stand apart.

    Example:
        >>> figure = usage_histogram(LayerUsage(np.array([3, 0, 0, 1]), np.array([1.5, 0, 0, 0.5])))
        >>> figure.get_suptitle()
        '50.0 % of the 4 experts were never selected'
    """
    figure, (axes,) = new_figure(theme, _title(layer), 3.8)
    used = layer.counts[layer.counts > 0]
    edges = _edges(int(used.min()), int(used.max())) if len(used) else np.array([1, 2])
    bars = np.histogram(used, edges)[0]
    places = np.arange(len(bars)) + 0.5
    axes.bar(places, bars, 0.94, color=theme.main)
    axes.bar(-1, len(layer.counts) - len(used), 0.94, color=theme.other)
    _label_bars(axes, [(-1.0, len(layer.counts) - len(used)), *zip(places, map(int, bars), strict=True)], theme)
    axes.set_xticks([-1, *range(len(edges))], ["never", *map(short, edges)])
    axes.get_xticklabels()[0].set_color(theme.other)
    axes.set(xlabel="how often an expert was selected", ylabel="experts")
    if len(used):
        _mark_mean(axes, layer, edges, theme)
    return figure


def _title(layer: LayerUsage) -> str:
    count = f"{len(layer.counts):,} experts"
    if layer.usage == 1:
        return f"All {count} were selected"
    return f"{percent(1 - layer.usage)} of the {count} were never selected"


def _edges(low: int, high: int) -> Int[np.ndarray, " bars_1"]:
    """Integers in equal steps of the logarithm, the bounds of bars with every count from ``low`` to ``high``."""
    octaves = math.log2((high + 1) / low)
    steps = max((s for s in (1, 2, 4, 8) if s == 1 or (octaves * s <= MAX_BARS and low >= 8 * s)), default=1)
    first, last = math.floor(steps * math.log2(low)), math.ceil(steps * math.log2(high + 1))
    width = max(1, -(-(last - first) // MAX_BARS))
    return np.unique(np.round(2.0 ** (np.arange(first, last + width, width) / steps)).astype(np.int64))


def _label_bars(axes: Axes, bars: list[tuple[float, int]], theme: Theme) -> None:
    heights = [height for _, height in bars if height]
    if max(heights) > STEEP * min(heights):
        axes.set_yscale("log")
        axes.set_ylim(bottom=0.5, top=4 * max(heights))
    else:
        axes.set_ylim(top=1.15 * max(heights))
        axes.yaxis.set_major_locator(MaxNLocator(5, integer=True, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda height, _: short(height)))
    axes.yaxis.set_minor_formatter("")
    for place, height in bars:
        if height:
            axes.annotate(
                short(height),
                (place, height),
                xytext=(0, 3),
                textcoords="offset points",
                ha="center",
                fontsize=9,
                color=theme.ink,
            )


def _mark_mean(axes: Axes, layer: LayerUsage, edges: Int[np.ndarray, " bars_1"], theme: Theme) -> None:
    """Where all experts would stand if they were used evenly."""
    mean = layer.selections / len(layer.counts)
    if mean < edges[0]:
        return
    place = float(np.interp(math.log2(mean), np.log2(edges), np.arange(len(edges))))
    top: dict[str, Any] = {"xycoords": ("data", "axes fraction"), "color": theme.ink, "annotation_clip": False}
    axes.plot(place, 1, "v", color=theme.ink, markersize=6, transform=axes.get_xaxis_transform(), clip_on=False)
    axes.annotate(
        f"mean {short(mean)}", (place, 1), xytext=(7, 0), textcoords="offset points", va="center", fontsize=9, **top
    )
