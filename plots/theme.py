"""Colours for a light and a dark background, and how a picture begins."""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

__all__ = ["DARK", "LIGHT", "Theme", "new_figure"]


@dataclass(frozen=True)
class Theme:
    """Colours of a picture. Blue and orange stay apart for every kind of colour vision.

    Attributes:
        page: the background.
        ink, soft: of words and of axes.
        main, other: of what is shown, and of what stands out.
        nothing: of cells of the grid where no expert was selected; apart from every colour of a count.
    """

    page: str
    ink: str
    soft: str
    main: str
    other: str
    nothing: str


LIGHT = Theme("#ffffff", "#1b1f24", "#535c66", "#1f5fa8", "#b3452c", "#ffffff")
DARK = Theme("#0f1317", "#e7eaee", "#a3adb8", "#6fb0f2", "#f2946f", "#6b3020")


def new_figure(theme: Theme, title: str, height: float, rows: int = 1) -> tuple[Figure, list[Axes]]:
    """A figure with its axes below each other, each without a frame at the top and on the right."""
    figure = Figure(figsize=(7.6, height), layout="constrained", facecolor=theme.page)
    figure.suptitle(title, x=0.01, ha="left", color=theme.ink, fontsize=12)
    found = list(figure.subplots(rows, 1, sharex=True, squeeze=False)[:, 0])
    for axes in found:
        axes.set_facecolor(theme.page)
        axes.tick_params(which="both", colors=theme.soft, labelsize=9)
        axes.xaxis.label.set_color(theme.ink)
        axes.yaxis.label.set_color(theme.ink)
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(theme.soft)
    return figure, found
