"""The loss of each layer over the steps, as a picture. The names stand at the ends of the lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from layers import EXPERTS_CHOOSE
from results import Result

__all__ = ["plot"]

STYLES = {
    "PEER": ("#0072b2", "-"),
    "dense": ("#000000", "-"),
    "tokens choose": ("#d55e00", "--"),
    EXPERTS_CHOOSE: ("#009e73", ":"),
    "memory": ("#a1507f", "-."),
}
"""The colours of Okabe and Ito, the last one darker; they stay apart for every kind of colour vision."""
LINE = 0.05
"""The height of a name, as a part of the height of the picture."""


def plot(results: list[Result], path: Path) -> None:
    """The mean loss over the seeds."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    from peerspec.plots import LIGHT, save

    figure = Figure(figsize=(7.6, 4.2), layout="constrained", facecolor=LIGHT.page)
    axes = figure.subplots()
    ends = {}
    for result in results:
        colour, line = STYLES[result.name]
        # the loss at the beginning, ln 256, would flatten the rest
        steps, losses = zip(*result.mean_curve()[1:], strict=True)
        axes.plot(steps, losses, line, color=colour, lw=2)
        ends[result.name] = losses[-1]
    low, high = axes.get_ylim()
    for name, height in apart(ends, LINE * (high - low)).items():
        place: dict[str, Any] = {"xytext": (8, 0), "textcoords": "offset points", "va": "center"}
        axes.annotate(name, (steps[-1], height), color=STYLES[name][0], fontsize=10, annotation_clip=False, **place)
    axes.set_title("loss on held-out bytes at equal FLOPs per token", loc="left", fontsize=10)
    axes.set(xlabel="steps", ylabel="nats per byte")
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.grid(axis="y", alpha=0.25, linewidth=0.5)
    axes.spines[["top", "right"]].set_visible(False)
    save(figure, path, overwrite=True)


def apart(heights: dict[str, float], least: float) -> dict[str, float]:
    """Heights in the same order, and not nearer to each other than ``least``."""
    found: dict[str, float] = {}
    for name, height in sorted(heights.items(), key=lambda item: item[1]):
        found[name] = max(height, *(other + least for other in found.values())) if found else height
    return found
