"""``peerspec layers``: the layers of a safetensors file, each checked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from peerspec.files.shown import printable

__all__ = ["layers"]


def layers(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A layer file, or a model's file with several layers.")],
) -> int:
    """Read every layer of a safetensors file (PAR-6, PAR-8). Exit status: 0 all are layers, 2 one is not."""
    from peerspec.cli.progress import waiting
    from peerspec.reference import Layer, list_layers

    for prefix, config in list_layers(file).items():
        with waiting(f"reading {file.name}"):
            layer = Layer.load(file, prefix=prefix)
        print(f"{printable(prefix or file.name)}: {layer.dtype}, {config}")
    return 0
