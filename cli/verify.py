"""``peerspec verify``: whether an ONNX model computes its PEER layers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from peerspec.cli.options import Prefix, Seed, Timeout
from peerspec.files.shown import printable

if TYPE_CHECKING:
    from rich.console import Console

    from peerspec.conformance.report import Report
    from peerspec.verification import LayerVerification

__all__ = ["verify"]


def verify(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="An ONNX model with PEER layers.")],
    layer: Annotated[
        Path | None,
        typer.Argument(metavar="LAYER", help="The layer file (PAR-6) of the layer that the model should compute."),
    ] = None,
    prefix: Prefix = None,
    node: Annotated[
        str | None, typer.Option(help="Verify only the layer of this node of the model.", metavar="NAME")
    ] = None,
    kernels: Annotated[
        bool, typer.Option("--kernels", help="Run the model on the native kernels, compiled at their first use.")
    ] = False,
    seed: Seed = 0,
    timeout: Timeout = 600.0,
) -> int:
    """Verify the PEER layers of an ONNX model. Exit status: 0 all hold, 1 one does not, 2 no verdict.

    Without LAYER, each layer is compared with the configuration and parameters that the model stores.
    """
    from peerspec.cli.console import SafeConsole
    from peerspec.cli.layer_file import load_layer, one_prefix
    from peerspec.cli.progress import waiting
    from peerspec.conformance.render.terminal import show_failures
    from peerspec.reference import PeerError
    from peerspec.verification import verify_model

    within = one_prefix(prefix)
    if within and not layer:
        raise PeerError("--prefix names a layer of the file LAYER; pass that file after MODEL")
    console = SafeConsole()
    with waiting(f"verifying {model.name}"):
        expected = load_layer(layer, within) if layer else None
        found = verify_model(model, expected, node=node, kernels=kernels, seed=seed, timeout=timeout)
    name = printable(f"{within} of {layer.name}" if layer and within else layer.name if layer else "")
    for outcome in found:
        show_failures(outcome.report, console)
        _show_verdict(outcome, name, kernels, console)
    return max(outcome.report.exit_status for outcome in found)


def _show_verdict(outcome: LayerVerification, layer: str, kernels: bool, console: Console) -> None:
    from rich.text import Text

    from peerspec.conformance.kinds import Status
    from peerspec.conformance.render.marks import mark

    report = outcome.report
    passed = report.status is Status.PASS
    words = _success(outcome, layer, kernels) if passed else _failure(report, layer)
    console.print(mark(report.status, console) + Text(f" {printable(report.backend)} ", "bold") + Text(words))


def _success(outcome: LayerVerification, layer: str, kernels: bool) -> str:
    from peerspec.conformance.kinds import Status
    from peerspec.conformance.render.terminal import worst_share

    report, passed = outcome.report, outcome.report.of(Status.PASS)
    claim = f"computes {layer}" if layer else f"is a conformant PEER layer ({', '.join(report.claimed)})"
    claim += _tables(outcome, stated=not layer) + (", on kernels" if kernels else "")
    claim += "" if report.shows_routing else ", routing not shown"
    same = f"every {'other ' if outcome.tables else ''}parameter is the same bit for bit, " if layer else ""
    checks = f"{len(passed)} checks on {sum(finding.cases for finding in passed)} cases hold"
    return f"{claim}: {same}{checks}, largest error {worst_share(report):.2g} of its bound"


def _failure(report: Report, layer: str) -> str:
    from peerspec.conformance.kinds import Status

    if report.status is Status.ERROR:
        return str(report.verdict)
    claim = f"does not compute {layer}: " if layer else "is not a PEER layer: "
    return claim + ", ".join(report.verdict.clauses)


def _tables(outcome: LayerVerification, *, stated: bool) -> str:
    """The format of tables in fewer bytes, and the error of y that they cause."""
    if outcome.tables is None:
        return ""
    return f" with {outcome.tables} tables, {'the file says ' if stated else ''}y {outcome.table_error:.2%} off"
