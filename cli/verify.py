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
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="An ONNX file written by `peerspec export`.")],
    layer: Annotated[Path, typer.Argument(metavar="LAYER", help="The layer file (PAR-4) it should compute.")],
    seed: Annotated[int, typer.Option(help="Seed of the inputs.")] = 0,
    timeout: Annotated[float, typer.Option(help="Seconds one call may take.", min=0.001)] = 600.0,
) -> int:
    """Judge an exported model against its layer: 0 it is that layer, 1 it is not, 2 it could not be run."""
    from rich.console import Console

    from peerspec.cli.verification import verify_model
    from peerspec.conformance.render.terminal import show_failures
    from peerspec.reference import Layer

    report = verify_model(model, Layer.load(layer), seed=seed, timeout=timeout)
    console = Console(highlight=False)
    show_failures(report, console)
    _show_verdict(report, layer.name, console)
    return report.exit_status


def _show_verdict(report: Report, layer: str, console: Console) -> None:
    from rich.text import Text

    from peerspec.conformance.render.marks import mark
    from peerspec.conformance.render.terminal import worst_share
    from peerspec.conformance.report import ERROR, FAIL, PASS

    status = (PASS, FAIL, ERROR)[report.exit_status]
    if status == PASS:
        traced = "" if report.traced else ", untraced"
        cases = sum(finding.cases for finding in report.of(PASS))
        words = (
            f"computes {layer}{traced}: every parameter is the same bit for bit, {len(report.of(PASS))} checks on "
            f"{cases} cases hold, largest error {worst_share(report):.2g} of its bound"
        )
    else:
        words = f"does not compute {layer}: " if status == FAIL else ""
        words += report.verdict.removeprefix("not conformant: ")
    console.print(mark(status, console) + Text(f" {report.backend} ", "bold") + Text(words))
