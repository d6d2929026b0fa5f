"""The lengths of all axes, from the shapes of the tensors."""

from __future__ import annotations

from collections.abc import Mapping

from peerspec.files.shown import shown
from peerspec.interchange.axes import groups, in_words, names_of, shape_of, solved
from peerspec.interchange.errors import InterchangeError, Obstacle, Reason
from peerspec.interchange.layout import Layout, Part

__all__ = ["lengths_in"]

_SYMBOLS = {"h": "h", "n": "n", "c": "d/2", "D": "D", "M": "M"}


def lengths_in(layout: Layout, shapes: Mapping[Part, tuple[int, ...]]) -> dict[str, int]:
    """The length of every axis.

    Raises:
        InterchangeError: shapes that do not fit the axes of the layout, or each other.
    """
    for part, shape in shapes.items():
        if len(shape) != len(groups(part.axes)) or 0 in shape:
            raise _wrong_shape(layout, part, shape, {})
    lengths = solved(((part.axes, shape) for part, shape in shapes.items()), {"p": 2, **layout.lengths})
    if layout.query_is_token and "D" in lengths:
        lengths["c"] = lengths["D"]
    for part, shape in shapes.items():
        if "n" in lengths and "h" in lengths and part.option == "experts":
            _check_rows(layout, part, shape[_axis_of_experts(part)], lengths["n"], lengths["h"])
        if not lengths.keys() >= {*names_of(part.axes)} or shape_of(part.axes, lengths) != shape:
            raise _wrong_shape(layout, part, shape, lengths)
    return lengths


def _axis_of_experts(part: Part) -> int:
    return next(axis for axis, group in enumerate(groups(part.axes)) if "i" in group)


def _check_rows(layout: Layout, part: Part, rows: int, n: int, heads: int) -> None:
    """Check that a table has a row for each pair of sub-keys."""
    if rows == n * n:
        return
    if heads > 1 and rows == heads * n * n:
        what = f"it has {heads}·{n}² rows, {n}² for each head, but all heads select from one table"
        obstacle = Obstacle(what, "convert a checkpoint whose heads share their experts", "PAR-1")
    else:
        what = f"it has {rows} rows, but the {n} sub-keys of each half name {n}² experts"
        drop = f"drop the rows after the first {n * n}, if the project never selects them"
        obstacle = Obstacle(what, drop if rows > n * n else "check the checkpoint", "CFG-1")
    raise InterchangeError(Reason.NO_COUNTERPART, layout.name, part.tensor, obstacle)


def _wrong_shape(layout: Layout, part: Part, shape: tuple[int, ...], lengths: Mapping[str, int]) -> InterchangeError:
    if part.option == "experts" and len(shape) > 2:
        what = f"it has {len(shape)} axes, but an expert is one hidden neuron, with one row in each table"
        obstacle = Obstacle(what, "keep this checkpoint in its project", "EXP-1")
        return InterchangeError(Reason.NO_COUNTERPART, layout.name, part.tensor, obstacle)
    known = ", ".join(f"{symbol} = {lengths[axis]}" for axis, symbol in _SYMBOLS.items() if axis in lengths)
    where = f", where {known}" if known else ""
    what = f"its axes must be {in_words(part.axes)}{where}, but its shape is {shown(shape)}"
    obstacle = Obstacle(what, "check the layout, the prefix and the checkpoint", "PAR-1")
    return InterchangeError(Reason.SHAPE, layout.name, part.tensor, obstacle)
