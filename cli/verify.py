"""``peerspec verify``: does an exported model compute the layer it was made from? Judged like any backend."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from peerspec.conformance.report import Report

__all__ = ["verify"]


def verify(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="An ONNX model with PEER layers.")],
    layer: Annotated[
        Path | None,
        typer.Argument(
            metavar="[LAYER]", help="The layer file (PAR-4) it should compute; without one, each layer it says it is."
        ),
    ] = None,
    at: Annotated[str | None, typer.Option(help="The layer's node, where the model holds several.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the inputs.")] = 0,
    timeout: Annotated[float, typer.Option(help="Seconds one call may take.", min=0.001)] = 600.0,
) -> int:
    """Judge the PEER layers of an ONNX model: 0 they are what they should be, 1 one is not, 2 one could not be run."""
    from rich.console import Console

    from peerspec.cli.verification import verify_model
    from peerspec.conformance.render.terminal import show_failures
    from peerspec.export.places import find_layers
    from peerspec.export.read import read_model
    from peerspec.export.stored import check_external
    from peerspec.reference import Layer

    expected, console = Layer.load(layer) if layer else None, Console(highlight=False)
    found = read_model(model)
    places = [at] if at or layer else [place.name or None for place in find_layers(found, model)]
    check_external(model, found)
    reports = [verify_model(model, expected, name=name, seed=seed, timeout=timeout) for name in places]
    for report in reports:
        show_failures(report, console)
        _show_verdict(report, layer.name if layer else "", console)
    return max(report.exit_status for report in reports)


def _show_verdict(report: Report, layer: str, console: Console) -> None:
    from rich.text import Text

    from peerspec.conformance.render.marks import mark
    from peerspec.conformance.render.terminal import worst_share
    from peerspec.conformance.report import ERROR, FAIL, PASS

    status = (PASS, FAIL, ERROR)[report.exit_status]
    if status == PASS:
        claim = f"computes {layer}" if layer else f"is a conformant PEER layer ({', '.join(report.claimed)})"
        traced = "" if report.traced else ", untraced"
        same = "every parameter is the same bit for bit, " if layer else ""
        cases = sum(finding.cases for finding in report.of(PASS))
        words = (
            f"{claim}{traced}: {same}{len(report.of(PASS))} checks on "
            f"{cases} cases hold, largest error {worst_share(report):.2g} of its bound"
        )
    else:
        words = "" if status == ERROR else f"does not compute {layer}: " if layer else "is not a PEER layer: "
        words += report.verdict.removeprefix("not conformant: ")
    console.print(mark(status, console) + Text(f" {report.backend} ", "bold") + Text(words))
