"""All pictures of some layers and a table of their figures as one self-contained page, for light and dark screens."""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup
from matplotlib.figure import Figure

from peerspec.files.atomic_file import write_atomically
from peerspec.files.shown import visible
from peerspec.plots.grid import usage_grid
from peerspec.plots.histogram import usage_histogram
from peerspec.plots.layer_usage import LayerUsage
from peerspec.plots.numbers import percent, short
from peerspec.plots.save import image
from peerspec.plots.steps import usage_over_steps
from peerspec.plots.theme import DARK, LIGHT
from peerspec.reference import InputError

__all__ = ["page", "write_page"]


class Row(NamedTuple):
    """The figures of a layer, as the table shows them."""

    name: str
    experts: str
    selections: str
    usage: str
    unevenness: str
    limit: str
    even: str
    top: str


class Picture(NamedTuple):
    """One picture for both kinds of screens, as addresses that hold it, and what it shows in words."""

    light: str
    dark: str
    words: str


def write_page(
    path: Path, layers: Mapping[str, LayerUsage], *, title: str = "Usage of experts", overwrite: bool = False
) -> None:
    """Write the page, whole or not at all; it needs no other file and no network.

    Args:
        path: the file to write.
        layers: by name; at least one.
        title: the heading.
        overwrite: whether an existing file is replaced.

    Raises:
        InputError: there is no layer.
        OSError: the file cannot be written, or exists.

    Example:
        >>> import numpy as np
        >>> write_page(Path("usage.html"), {"block.1": LayerUsage(np.ones(4, int), np.ones(4))})
        >>> Path("usage.html").read_text()[:15]
        '<!doctype html>'
    """
    write_atomically(path, page(layers, title).encode(), overwrite=overwrite)


def page(layers: Mapping[str, LayerUsage], title: str) -> str:
    """The text of the page; names and title are escaped."""
    if not layers:
        raise InputError("a page shows at least one layer, got none; pass a name and a LayerUsage for each")
    sections = {name: _pictures(layer) for name, layer in layers.items()}
    rows = [_row(name, layer) for name, layer in layers.items()]
    return _template().render(title=title, rows=rows, sections=sections, light=LIGHT, dark=DARK)


def _row(name: str, layer: LayerUsage) -> Row:
    limit, unevenness = math.log(len(layer.counts)), layer.unevenness
    return Row(
        name,
        f"{len(layer.counts):,}",
        f"{layer.selections:,}",
        percent(layer.usage),
        "none" if math.isnan(unevenness) else f"{unevenness:.3f}",
        f"{limit:.2f}",
        "none" if math.isnan(unevenness) else short(math.exp(limit - unevenness)),
        "none" if math.isnan(layer.top_share) else percent(layer.top_share),
    )


def _pictures(layer: LayerUsage) -> list[Picture]:
    """The pictures of a layer; a layer without history has no lines over steps."""
    has_history = layer.history is not None and len(layer.history) > 0
    kinds: dict[Callable[..., Figure], str] = {
        usage_histogram: "Bars: how many experts were selected how often.",
        **({usage_over_steps: "Lines: usage and unevenness over the steps."} if has_history else {}),
        usage_grid: "Heat map: how often the experts of each pair of sub-keys were selected.",
    }
    return [_picture(draw, layer, words) for draw, words in kinds.items()]


def _picture(draw: Callable[..., Figure], layer: LayerUsage, words: str) -> Picture:
    light, dark = (draw(layer, theme=theme) for theme in (LIGHT, DARK))
    return Picture(_address(light), _address(dark), f"{words} {light.get_suptitle()}.")


def _address(figure: Figure) -> str:
    return f"data:image/svg+xml;base64,{b64encode(image(figure, 'svg')).decode()}"


@cache
def _template() -> Template:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=_visible
    )
    return environment.from_string(files(__package__).joinpath("page.html").read_text("utf-8"))


def _visible(value: Any) -> Any:
    """What the page shows of a value: texts without characters that steer a reader's screen; markup stays."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value
