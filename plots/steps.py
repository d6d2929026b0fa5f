"""Usage and unevenness over the steps of a run."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from peerspec.plots.layer_usage import LayerUsage
from peerspec.plots.numbers import percent, short
from peerspec.plots.theme import LIGHT, Theme, new_figure
from peerspec.reference import InputError

__all__ = ["usage_over_steps"]

FEW = 40
"""Up to this number of rows each is a point."""


def usage_over_steps(layer: LayerUsage, *, theme: Theme = LIGHT) -> Figure:
    """Two lines below each other: the experts that were used, and the unevenness; the last values are named.

    Raises:
        InputError: the layer has no history, or it has no rows.

    Example:
        >>> rows = np.array([[0, 0.5, 0.9], [100, 0.75, 0.3]])
        >>> usage_over_steps(LayerUsage(np.ones(4, int), np.ones(4), rows)).get_suptitle()
        'At step 100, 75.0 % of the experts were used; unevenness 0.30 nats'
    """
    if layer.history is None or not len(layer.history):
        raise InputError("there is no history to draw; give the layer rows of step, usage and unevenness")
    steps, usage, unevenness = layer.history.T
    title = f"At step {int(steps[-1]):,}, {percent(float(usage[-1]))} of the experts were used"
    figure, (above, below) = new_figure(theme, f"{title}; unevenness {unevenness[-1]:.2f} nats", 4.6, rows=2)
    _line(above, steps, usage, percent(float(usage[-1])), theme.main)
    above.set(ylabel="experts used", ylim=(0, 1.06))
    above.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0 %", "25 %", "50 %", "75 %", "100 %"])
    _line(below, steps, unevenness, f"{unevenness[-1]:.2f}", theme.other)
    highest = np.nanmax(unevenness) if not np.isnan(unevenness).all() else 0
    below.set(ylabel="unevenness in nats", xlabel="step", ylim=(0, 1.15 * highest or 1))
    below.xaxis.set_major_locator(MaxNLocator(6, integer=True, steps=[1, 2, 5, 10]))
    below.xaxis.set_major_formatter(FuncFormatter(lambda step, _: short(step)))
    limit = math.log(len(layer.counts))
    note = f"0: all used evenly; {limit:.1f}: one alone"
    below.annotate(note, (0.01, 0.04), xycoords="axes fraction", fontsize=9, color=theme.soft)
    return figure


def _line(axes: Axes, steps: Float[np.ndarray, " S"], values: Float[np.ndarray, " S"], last: str, color: str) -> None:
    axes.plot(steps, values, color=color, linewidth=1.8, marker="o" if len(steps) <= FEW else "", markersize=3.5)
    axes.grid(axis="y", alpha=0.25, linewidth=0.5)
    place: dict[str, Any] = {"xytext": (6, 0), "textcoords": "offset points", "va": "center", "annotation_clip": False}
    axes.annotate(last, (steps[-1], values[-1]), color=color, fontsize=10, **place)
