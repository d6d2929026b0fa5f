"""One layer of a model, judged by the checks and bounds of every backend."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from peerspec.backends.onnxruntime.model import OrtModel
from peerspec.conformance.cases.case import Array
from peerspec.conformance.hosts.call import Answer
from peerspec.conformance.hosts.object_host import ObjectHost
from peerspec.conformance.kinds import Status
from peerspec.conformance.plan import PRECISIONS, PROFILES
from peerspec.conformance.report import Report
from peerspec.conformance.run import Run
from peerspec.conformance.runner import versions
from peerspec.conformance.together import findings_of
from peerspec.reference import Layer
from peerspec.verification.cases import verification_plan
from peerspec.verification.parameters import compare_parameters

__all__ = ["verify_layer"]


def verify_layer(
    path: Path, layer: Layer | None, *, node: str | None, kernels: bool, seed: int, timeout: float
) -> Report:
    """Judge the layer ``node`` of the model at ``path``; arguments and errors as ``verify_model``."""
    model, started = OrtModel(path, node, kernels=kernels), time.perf_counter()
    expected = model.layer if model.tables else layer or model.layer
    plan = verification_plan(expected, model.rank, select="select" in model.profiles)
    run = Run(_ModelHost(_Model(model), timeout), plan, seed)
    findings = (compare_parameters(model.layer, layer, model.tables),) if layer else ()
    if all(finding.status is Status.PASS for finding in findings):
        findings = (*findings, *findings_of([run]))
    return Report(
        backend=f"{path.name} {node}" if node else path.name,
        claimed=tuple(name for name in (*PRECISIONS, *PROFILES) if name in model.profiles),
        precisions=plan.precisions,
        shows_routing=run.shows_routing,
        declined=(),
        partial=False,
        findings=findings,
        size="minimal",
        seed=seed,
        seconds=time.perf_counter() - started,
        versions=versions(),
    )


class _Model:
    """The model as a backend of its own layer."""

    def __init__(self, model: OrtModel) -> None:
        self.name, self.profiles, self.select = model.name, model.profiles, model.select
        self._run = model.run

    def forward(self, layer: None, x: Array) -> Any:
        return self._run(x)


class _ModelHost(ObjectHost):
    """Omits the layer from each call, so that its tables are not copied: the model holds its own."""

    def call(self, method: str, arguments: dict[str, Any]) -> Answer:
        return super().call(method, arguments | {"layer": None} if method == "forward" else arguments)
