"""``peerspec vectors``: the frozen inputs and results for implementers without Python."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["vectors"]

vectors = typer.Typer(help="The frozen vectors: check them, or print their folder.", rich_markup_mode=None)


@vectors.command()
def check(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="DIR", help="A folder with a manifest; by default the package's vectors."),
    ] = None,
) -> int:
    """Regenerate every input and check every result; exit with 0 if all agree with SPEC.md, else with 2."""
    from peerspec.conformance.vectors import HOME, check_vectors

    found = check_vectors(folder or HOME)
    print(
        f"{found.files} files are as SPEC.md says: {found.inputs} inputs and {found.words} words bit for bit, "
        f"{found.results} results within their bounds"
    )
    return 0


@vectors.command()
def files() -> int:
    """Print the folder of layer files for readers; its files.json says which a reader must accept or refuse."""
    from peerspec.conformance.vectors import FILES

    print(FILES)
    return 0


@vectors.command()
def path() -> int:
    """Print the folder of the package's vectors."""
    from peerspec.conformance.vectors import HOME

    print(HOME)
    return 0
