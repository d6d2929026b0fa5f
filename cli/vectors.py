"""``peerspec vectors``: the frozen inputs and results for implementers without Python."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["vectors"]

vectors = typer.Typer(help="The frozen vectors: verify them, or say where they are.", rich_markup_mode=None)


@vectors.command()
def verify(
    folder: Annotated[
        Path | None, typer.Argument(metavar="DIR", help="A folder with a manifest; those of the package unless given.")
    ] = None,
) -> int:
    """Regenerate every input and judge every result: 0 they are those of SPEC.md, 2 they are not."""
    from peerspec.conformance.vectors import HOME, verify

    found = verify(folder or HOME)
    print(
        f"{found.files} files are as SPEC.md says: {found.inputs} inputs and {found.words} words bit for bit, "
        f"{found.results} results within their bounds"
    )
    return 0


@vectors.command()
def path() -> int:
    """Print the folder of the package's vectors."""
    from peerspec.conformance.vectors import HOME

    print(HOME)
    return 0
