"""The arguments and options that several commands share, with one help text each."""

from __future__ import annotations

from typing import Annotated

import typer

from peerspec.files.limited import LONGEST_WAIT

__all__ = ["BACKEND_HELP", "Overwrite", "Prefix", "Seed", "Timeout"]

BACKEND_HELP = "An installed backend, module:attribute or file.py:attribute."

Seed = Annotated[int, typer.Option(help="Seed of the inputs.", metavar="NUMBER")]
Timeout = Annotated[float, typer.Option(help="Time limit of one call.", min=0.001, max=LONGEST_WAIT, metavar="SECONDS")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace existing files.")]
Prefix = Annotated[
    list[str] | None,
    typer.Option(help="The prefix of the layer in a LAYER file that holds several (PAR-8).", metavar="PREFIX"),
]
