"""The application: every command under its name."""

from __future__ import annotations

import typer

from peerspec.cli.check import check
from peerspec.cli.convert import convert
from peerspec.cli.explain import explain
from peerspec.cli.export import export
from peerspec.cli.layers import layers
from peerspec.cli.list import list_
from peerspec.cli.render import render
from peerspec.cli.repro import repro
from peerspec.cli.smoke import smoke
from peerspec.cli.vectors import vectors
from peerspec.cli.verify import verify

__all__ = ["app"]

app = typer.Typer(
    help="Decide whether an implementation of a PEER layer conforms to SPEC.md.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        from peerspec.reference import SPEC_VERSION

        print(f"peerspec {version('peerspec')}, spec {SPEC_VERSION}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Show the versions."),
) -> None:
    pass


for command in (check, smoke, explain, layers, convert, export, verify, render, repro):
    app.command()(command)
app.command("list")(list_)
app.add_typer(vectors, name="vectors")
