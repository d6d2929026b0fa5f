"""``peerspec verify``: does an exported model compute the layer it was made from? Judged like any backend."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from peerspec.conformance.report import Report
    from peerspec.export.layer_nodes import LayerNode
    from peerspec.export.onnx_package import ModelProto
    from peerspec.reference import Layer

__all__ = ["verify"]


def verify(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="An ONNX model with PEER layers.")],
    layer: Annotated[
        Path | None,
        typer.Argument(
            metavar="LAYER", help="The layer file (PAR-4) it should compute; without one, each layer it says it is."
        ),
    ] = None,
    at: Annotated[
        str | None, typer.Option(help="The layer's node, where the model holds several.", metavar="NODE")
    ] = None,
    kernels: Annotated[
        bool, typer.Option("--kernels", help="Run it on the kernels of peerspec.export.ort, compiled on first use.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Seed of the inputs.", metavar="NUMBER")] = 0,
    timeout: Annotated[float, typer.Option(help="How long one call may take.", min=0.001, metavar="SECONDS")] = 600.0,
) -> int:
    """Judge the PEER layers of an ONNX model: 0 they are what they should be, 1 one is not, 2 one could not be run."""
    from rich.console import Console

    from peerspec.conformance.render.terminal import show_failures
    from peerspec.export.layer_nodes import find_layers
    from peerspec.export.read import read_model, the_layer_node
    from peerspec.export.stored import check_external
    from peerspec.reference import Layer
    from peerspec.verification.model import verify_model

    expected, console = Layer.load(layer) if layer else None, Console(highlight=False)
    found = read_model(model)
    nodes = [the_layer_node(found, model, at)] if at or layer else find_layers(found, model)
    check_external(model, found)
    tables = [_tables(layer_node, found, model, expected) for layer_node in nodes]
    names = [at] if at or layer else [layer_node.name or None for layer_node in nodes]
    reports = [verify_model(model, expected, name=name, kernels=kernels, seed=seed, timeout=timeout) for name in names]
    for report, stored in zip(reports, tables, strict=True):
        show_failures(report, console)
        _show_verdict(report, layer.name if layer else "", stored, ", on kernels" if kernels else "", console)
    return max(report.exit_status for report in reports)


def _tables(layer_node: LayerNode, model: ModelProto, path: Path, expected: Layer | None) -> str:
    """What the layer's tables are stored in, and how far that takes it from the one they were made from."""
    from peerspec.export.stated import stated_error
    from peerspec.export.tables import table_error

    if layer_node.tables is None:
        return ""
    if expected:
        return f" with {layer_node.tables} tables, y {table_error(expected, layer_node.tables):.2%} off"
    return f" with {layer_node.tables} tables, the file says y {stated_error(model, layer_node.name, path):.2%} off"


def _show_verdict(report: Report, layer: str, tables: str, how: str, console: Console) -> None:
    from rich.text import Text

    from peerspec.conformance.kinds import Status
    from peerspec.conformance.render.marks import mark
    from peerspec.conformance.render.terminal import worst_share

    status = report.status
    if status == Status.PASS:
        claim = f"computes {layer}" if layer else f"is a conformant PEER layer ({', '.join(report.claimed)})"
        claim += tables + how
        shows_routing = "" if report.shows_routing else ", routing not shown"
        same = f"every {'other ' if tables else ''}parameter is the same bit for bit, " if layer else ""
        cases = sum(finding.cases for finding in report.of(Status.PASS))
        words = (
            f"{claim}{shows_routing}: {same}{len(report.of(Status.PASS))} checks on "
            f"{cases} cases hold, largest error {worst_share(report):.2g} of its bound"
        )
    else:
        words = "" if status == Status.ERROR else f"does not compute {layer}: " if layer else "is not a PEER layer: "
        words += str(report.verdict) if status == Status.ERROR else ", ".join(report.verdict.clauses)
    console.print(mark(status, console) + Text(f" {report.backend} ", "bold") + Text(words))
