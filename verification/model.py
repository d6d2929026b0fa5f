"""An exported model put to the suite: spec-defined tokens, the layer's own parameters, the judge of every backend."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from peerspec.backends.onnxruntime.model import OrtModel
from peerspec.conformance.cases import SELECTIONS
from peerspec.conformance.cases.case import Array, Case, Draw
from peerspec.conformance.finding import Finding
from peerspec.conformance.hosts.call import Answer
from peerspec.conformance.hosts.object_host import ObjectHost
from peerspec.conformance.kinds import Reason, Stage, Status
from peerspec.conformance.plan import PRECISIONS, PROFILES, Plan, Step
from peerspec.conformance.report import Report
from peerspec.conformance.run import Run
from peerspec.conformance.runner import versions
from peerspec.conformance.suite import CHECKS
from peerspec.export.tables import Tables, is_table, rounded
from peerspec.reference import Layer, PeerConfig

__all__ = ["verify_model"]

_CHUNK = 1 << 24  # bytes compared together, so that tables of gigabytes need megabytes


def verify_model(
    path: Path,
    layer: Layer | None = None,
    *,
    name: str | None = None,
    kernels: bool = False,
    seed: int = 0,
    timeout: float = 600.0,
) -> Report:
    """Judge one layer of the model at ``path``: as an implementation of ``layer``, or of the one it says it is.

    Args:
        path: a model with PEER layers.
        layer: the layer that it should compute, parameters bit for bit, and where the model stores tables in fewer
            bytes, those that this layer's tables round to (ONX-10).
        name: the name of the layer's node, where the model holds several.
        kernels: whether the model's functions run by the kernels of ``peerspec.export.ort``.
        seed: seed of the inputs.
        timeout: seconds one call may take.

    Raises:
        PeerError: the model cannot be read or started.
    """
    model, started = OrtModel(path, name, kernels=kernels), time.perf_counter()
    expected = model.layer if model.tables else layer or model.layer
    plan = Plan((str(expected.dtype),), tuple(_steps(expected, model.rank, "select" in model.profiles)), (), False)
    run = Run(_ModelHost(_Model(model), timeout), plan, seed)
    same = (_compare(model.layer, layer, model.tables),) if layer else ()
    judged = all(finding.status == Status.PASS for finding in same)
    findings = (*same, *(run.findings(stop_early=False, progress=None) if judged else ()))
    return Report(
        backend=f"{path.name} {name}" if name else path.name,
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
    """Keeps the layer from being copied at each call: the model holds its own."""

    def call(self, method: str, arguments: dict[str, Any]) -> Answer:
        return super().call(method, arguments | {"layer": None} if method == "forward" else arguments)


@dataclass(frozen=True)
class _TokenCase:
    """Tokens for a given layer; few, because the judge gathers h·k expert rows for each."""

    name: str
    layer: Layer
    shape: tuple[int, ...]
    nan: bool = False

    def make(self, dtype: np.dtype[Any], seed: int) -> Case:
        """Full significands in [−1, 1) (INP-2)."""
        x = Draw(self.name, seed, dtype).full("x", (*self.shape, self.layer.config.d_model))
        if self.nan:
            x.reshape(-1, x.shape[-1])[-1, 0] = np.nan
        return Case(self.name, False, self.layer, x)


def _steps(layer: Layer, rank: int, select: bool) -> Iterator[Step]:
    """The checks that ask nothing but this layer, in the order of the stages."""
    lead = (1,) * (rank - 2) + ((), (6,), (2, 3))[min(rank, 2)]
    tokens, nan = _TokenCase("verify.tokens", layer, lead), _TokenCase("verify.nan", layer, lead, nan=True)
    empty = (_TokenCase("verify.empty", layer, (*lead[:-1], 0)),) if rank else ()
    selections = tuple(case for case in SELECTIONS if case.size == 0) if select else ()
    cases: dict[str, tuple[Any, ...]] = {
        "structure.answer": (tokens, nan, *empty),
        "structure.inputs": (tokens, nan),
        "scores.rounding": (tokens,),
        "selection.admissible": (tokens,),
        "select.ids": selections,
        "select.scores": selections,
        f"gates.{layer.config.gate}": (tokens,),
        "output.sum": (tokens,),
        "independence.repeat": (tokens,),
        "independence.tokens": (tokens,) if rank else (),
        "finite.nan": (nan,),
        "finite.others": (nan,) if rank else (),
    }
    for check in CHECKS:
        if found := cases.get(check.id):
            yield Step(check, str(layer.dtype), found)


def _compare(got: Layer, expected: Layer, tables: Tables | None) -> Finding:
    """Whether the model holds this very layer, its tables as they are in the model's format."""
    problem = ""
    if got.config != expected.config:
        problem = f"the model holds another layer: {_differences(got.config, expected.config)}"
    elif got.dtype != expected.dtype:
        problem = f"the model holds {got.dtype}, the layer is {expected.dtype}"
    elif different := [name for name in expected.params if not _same(name, got, expected, tables)]:
        rounding = f" in {tables}" if tables else ""
        problem = f"the model's {', '.join(different)} differ from the layer's{rounding}; export it again"
    status, reason = (Status.FAIL, Reason.VIOLATION) if problem else (Status.PASS, None)
    return Finding(
        "model.parameters",
        ("PAR-1",),
        Stage.PARAMETERS,
        "core",
        str(expected.dtype),
        status,
        1,
        reason=reason,
        message=problem,
    )


def _differences(got: PeerConfig, expected: PeerConfig) -> str:
    pairs = ((field.name, getattr(got, field.name), getattr(expected, field.name)) for field in fields(got))
    return ", ".join(f"{name} is {value!r}, expected {wanted!r}" for name, value, wanted in pairs if value != wanted)


def _same(name: str, got: Layer, expected: Layer, tables: Tables | None) -> bool:
    a, b = got.params[name], expected.params[name]
    rows = max(1, _CHUNK * len(a) // a.nbytes)

    def part(at: int) -> Array:
        return rounded(name, b[at : at + rows], tables) if tables and is_table(name) else b[at : at + rows]

    return all(a[at : at + rows].tobytes() == part(at).tobytes() for at in range(0, len(a), rows))
