"""The arguments and options that several commands share, with one help text each."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["BACKEND_HELP", "LONGEST", "Overwrite", "Prefix", "Seed", "Timeout"]

BACKEND_HELP = "An installed backend, module:attribute or file.py:attribute."

Seed = Annotated[int, typer.Option(help="Seed of the inputs.", metavar="NUMBER")]
LONGEST = 1_000_000.0
"""The longest time limit, in seconds: 11 days; systems count the time of a wait in milliseconds of 32 bits."""
Timeout = Annotated[float, typer.Option(help="Time limit of one call.", min=0.001, max=LONGEST, metavar="SECONDS")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace existing files.")]
Prefix = Annotated[
    list[str] | None,
    typer.Option(help="The prefix of the layer in a LAYER file that holds several (PAR-8).", metavar="PREFIX"),
]
