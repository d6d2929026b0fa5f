"""Where the used experts lie in the grid of sub-keys."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float
from matplotlib import colormaps
from matplotlib.colors import Colormap, LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from peerspec.plots.layer_usage import LayerUsage
from peerspec.plots.numbers import short
from peerspec.plots.theme import LIGHT, Theme, new_figure

__all__ = ["usage_grid"]

MAX_CELLS = 256
"""Cells on a side: with more, some would be smaller than a pixel of the picture."""
STEEP = 20
"""From this ratio of the largest mean to the smallest on, colours are logarithmic."""


def usage_grid(layer: LayerUsage, *, theme: Theme = LIGHT) -> Figure:
    """How often expert i·n + j was selected, as the colour of row i and column j.

    A whole row without colour is a first sub-key that is never selected. Where n is larger than the picture, a cell is
    the mean of a square of experts.

    Example:
        >>> usage_grid(LayerUsage(np.array([3, 0, 0, 1]), np.array([1.5, 0, 0, 0.5]))).get_suptitle()
        'Selections by sub-keys'
    """
    side = -(-layer.n // MAX_CELLS)
    cells = block_means(layer.counts.reshape(layer.n, layer.n), side)
    figure, (axes,) = new_figure(theme, "Selections by sub-keys", 6.2)
    shown = np.where(cells > 0, cells, np.nan)
    extent = (-0.5, side * cells.shape[1] - 0.5, side * cells.shape[0] - 0.5, -0.5)
    colors = _colors(theme)
    image = axes.imshow(shown, cmap=colors, norm=_norm(shown), interpolation="nearest", extent=extent)
    axes.set(
        xlabel="second sub-key j", ylabel="first sub-key i", xlim=(-0.5, layer.n - 0.5), ylim=(layer.n - 0.5, -0.5)
    )
    axes.spines[["top", "right"]].set_visible(True)
    axes.spines[:].set_color(theme.soft)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(5, integer=True, steps=[1, 2, 5, 10]))
    bar = figure.colorbar(image, ax=axes, shrink=0.8, format=FuncFormatter(lambda count, _: short(count)))
    bar.ax.minorticks_off()
    bar.ax.tick_params(colors=theme.soft, labelsize=9)
    bar.outline.set_edgecolor(theme.soft)
    each = "an expert" if side == 1 else f"an expert, mean of {side} × {side}"
    bar.set_label(f"selections of {each}", color=theme.ink)
    if np.isnan(shown).any():
        patch = Patch(facecolor=theme.nothing, edgecolor=theme.soft, label="never selected")
        figure.legend(handles=[patch], loc="outside lower right", frameon=False, fontsize=9, labelcolor=theme.ink)
    return figure


def block_means(grid: Float[np.ndarray, "n n"], side: int) -> Float[np.ndarray, "m m"]:
    """The means of squares; those at the end are of fewer numbers.

    Example:
        >>> block_means(np.arange(9).reshape(3, 3), 2)
        array([[2. , 3.5],
               [6.5, 8. ]])
    """
    n = len(grid)
    starts = np.arange(0, n, side)
    sums = np.add.reduceat(np.add.reduceat(grid.astype(np.float64), starts, 0), starts, 1)
    sizes = np.minimum(side, n - starts)
    means: Float[np.ndarray, "m m"] = sums / np.outer(sizes, sizes)
    return means


def _norm(shown: Float[np.ndarray, "m m"]) -> Normalize:
    if np.isnan(shown).all():
        return Normalize(0, 1)
    low, high = float(np.nanmin(shown)), float(np.nanmax(shown))
    return LogNorm(low, high) if high > STEEP * low else Normalize(0, max(high, math.ulp(0)))


def _colors(theme: Theme) -> Colormap:
    return colormaps["cividis"].with_extremes(bad=theme.nothing)
