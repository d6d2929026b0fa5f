"""The layer that the arguments LAYER and --prefix name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from peerspec.reference import Layer

__all__ = ["load_layer", "one_prefix"]

_LISTED = 8


def one_prefix(given: Sequence[str] | None) -> str:
    """The value of --prefix, empty if it is not given.

    Raises:
        PeerError: it is given twice.
    """
    from peerspec.reference import PeerError

    if given and len(given) > 1:
        raise PeerError("--prefix is given twice; a command takes one layer")
    return given[0] if given else ""


def load_layer(path: Path, prefix: str) -> Layer:
    """The layer with a prefix; an empty one is that of a layer file.

    Raises:
        PeerError: there is no such layer, or the file is none.
    """
    from peerspec.files.shell import command_line
    from peerspec.reference import Layer, PeerError, list_layers

    known = list(list_layers(path))
    if prefix in known:
        return Layer.load(path, prefix=prefix)
    if known == [""]:
        raise PeerError(f"{path} is the file of one layer; leave out --prefix (PAR-6)")
    listed = ", ".join(command_line(f"--prefix={each}") for each in known[:_LISTED])
    more = f" and {len(known) - _LISTED} more, which `peerspec layers` lists" if len(known) > _LISTED else ""
    got = "holds no layer of that --prefix" if prefix else "holds layers with prefixes"
    raise PeerError(f"{path} {got}; pass one of {listed}{more} (PAR-8)")
