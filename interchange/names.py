"""Which tensors of a checkpoint are parameters, by their names alone."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from peerspec.files.shown import shown
from peerspec.interchange.axes import in_words
from peerspec.interchange.errors import InterchangeError, Obstacle, Reason
from peerspec.interchange.layout import Layout, Part

__all__ = ["listed", "parts_in", "under_prefix"]

_LISTED = 8


def parts_in(layout: Layout, names: Collection[str], leave_out: Collection[str]) -> list[Part]:
    """The parts that a checkpoint has, if it has all that it needs, and nothing else but what is left out.

    Raises:
        InterchangeError: a tensor is unknown or missing, or is no parameter and is not left out, or cannot be.
    """
    _check_left_out(layout, names, leave_out)
    for name in sorted({*names} - {part.tensor for part in layout.parts}):
        _check_other(layout, name, leave_out)
    options = {part.option for part in layout.parts if part.optional and part.tensor in names}
    parts = [part for part in layout.parts if not part.optional or part.option in options]
    for part in parts:
        if part.tensor not in names:
            raise _missing(layout, part, names)
    return parts


def under_prefix(layout: Layout, names: Iterable[str], prefix: str) -> dict[str, str]:
    """The names under a prefix, each without and with it; all names if the prefix is empty.

    Raises:
        InterchangeError: no name begins with the prefix and a dot.
    """
    every = sorted(names)
    if not prefix:
        return {name: name for name in every}
    found = {name.removeprefix(f"{prefix}."): name for name in every if name.startswith(f"{prefix}.")}
    if not found:
        obstacle = Obstacle("no tensor has this prefix before a dot in its name", listed(every))
        raise InterchangeError(Reason.MISSING_TENSOR, layout.name, shown(prefix), obstacle)
    return found


def _check_left_out(layout: Layout, names: Collection[str], leave_out: Collection[str]) -> None:
    for name in leave_out:
        if name not in names:
            obstacle = Obstacle("there is no such tensor to leave out", listed(names))
        elif name in {part.tensor for part in layout.parts}:
            obstacle = Obstacle("it is a parameter of the layer", "do not leave it out", "PAR-1")
        else:
            continue
        raise InterchangeError(Reason.UNKNOWN_TENSOR, layout.name, shown(name), obstacle)


def _check_other(layout: Layout, name: str, leave_out: Collection[str]) -> None:
    """Check a tensor that is no parameter."""
    for other in layout.others:
        if re.fullmatch(other.tensors, name):
            if not other.outside:
                raise InterchangeError(Reason.NO_COUNTERPART, layout.name, name, other.obstacle)
            if name not in leave_out:
                raise InterchangeError(Reason.OUTSIDE, layout.name, name, other.obstacle)
            return
    if name in _biases_of_experts(layout):
        raise InterchangeError(Reason.NO_COUNTERPART, layout.name, name, _BIAS)
    if name not in (*leave_out, *layout.unread):
        what = (
            f"{layout.source.project} {layout.source.version} has no such tensor in a layer, but only {_known(layout)}"
        )
        advice = "pass the prefix of the layer, or leave the tensor out if it does not act within the layer"
        raise InterchangeError(Reason.UNKNOWN_TENSOR, layout.name, shown(name), Obstacle(what, advice))


_BIAS = Obstacle(
    "it is a bias of experts, and an expert is σ(u·x)·v without bias", "keep this checkpoint in its project", "EXP-1"
)


def _biases_of_experts(layout: Layout) -> set[str]:
    return {f"{part.tensor.removesuffix('.weight')}.bias" for part in layout.parts if part.option == "experts"}


def _known(layout: Layout) -> str:
    return ", ".join(part.tensor for part in layout.parts)


def _missing(layout: Layout, part: Part, names: Collection[str]) -> InterchangeError:
    what = f"this tensor {in_words(part.axes)} is missing, {listed(names)}"
    if part.option == "experts":
        advice = "add the table of the layer that holds it, if several layers share one"
    else:
        advice = "check the layout, the prefix and the checkpoint"
    return InterchangeError(Reason.MISSING_TENSOR, layout.name, part.tensor, Obstacle(what, advice, "PAR-1"))


def listed(names: Iterable[str]) -> str:
    """The first names in a sentence.

    Example:
        >>> listed(["b", "a"])
        "there are 'a', 'b'"
    """
    found = sorted(names)
    more = f" and {len(found) - _LISTED} more" if len(found) > _LISTED else ""
    return f"there are {', '.join(map(shown, found[:_LISTED]))}{more}" if found else "there is no tensor"
