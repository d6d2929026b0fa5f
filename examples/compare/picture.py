"""The loss of each layer over the steps, as a picture. The names stand at the ends of the lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from layers import EXPERTS_CHOOSE
from results import Result, mean

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
LEADER = {"arrowstyle": "-", "lw": 0.8, "shrinkA": 1, "shrinkB": 1, "relpos": (0, 0.5)}
"""The thin line from the end of a curve to its name."""


def plot(results: list[Result], path: Path) -> None:
    """The mean loss over the seeds, and how far the seeds are apart."""
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
        each = [[loss for _, loss in curve[1:]] for curve in result.curves]
        axes.fill_between(steps, *extremes(each), color=colour, alpha=0.1, lw=0)
        ends[result.name] = losses[-1]
    low, high = axes.get_ylim()
    for name, height in apart(ends, LINE * (high - low)).items():
        colour, mark = STYLES[name][0], "*" if name == EXPERTS_CHOOSE else ""
        place: dict[str, Any] = {"va": "center", "annotation_clip": False, "arrowprops": {"color": colour, **LEADER}}
        axes.annotate(name + mark, (steps[-1], ends[name]), (1.03 * steps[-1], height), color=colour, **place)
    note = "* sees later bytes: does not compare (XCM-6)"
    axes.annotate(note, (0.02, 0.04), xycoords="axes fraction", fontsize=9, color=LIGHT.soft)
    axes.set_title("loss on held-out bytes at equal FLOPs per token", loc="left", fontsize=10)
    axes.set(xlabel="steps", ylabel="nats per byte", xlim=(0, steps[-1]))
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True, steps=[1, 2, 5, 10]))
    axes.grid(axis="y", alpha=0.25, linewidth=0.5)
    axes.spines[["top", "right"]].set_visible(False)
    save(figure, path, overwrite=True)


def extremes(curves: list[list[float]]) -> tuple[list[float], list[float]]:
    """The lowest and the highest loss of the seeds at each step."""
    columns = list(zip(*curves, strict=True))
    return [min(column) for column in columns], [max(column) for column in columns]


def apart(heights: dict[str, float], least: float) -> dict[str, float]:
    """Heights in the same order, not nearer to each other than ``least``, and with the same mean."""
    found: dict[str, float] = {}
    for name, height in sorted(heights.items(), key=lambda item: item[1]):
        found[name] = max([height, *(other + least for other in found.values())])
    up = mean(list(found.values())) - mean(list(heights.values()))
    return {name: height - up for name, height in found.items()}
