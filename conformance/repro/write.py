"""A failure of a report, reduced to the smallest case found and written to two files."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from peerspec.backends.process import Command
from peerspec.conformance.cases import (
    COMPARISON_CASES,
    LAYER_CASES,
    SELECTION_CASES,
    ComparisonDefinition,
    SelectionCase,
)
from peerspec.conformance.cases.case import CaseDefinition, Subject
from peerspec.conformance.cases.recipe import read_recipe
from peerspec.conformance.check import Check
from peerspec.conformance.finding import Finding
from peerspec.conformance.hosts.fault import Fault
from peerspec.conformance.hosts.host import Host, open_host, supports
from peerspec.conformance.kinds import Status
from peerspec.conformance.levels import stand_ins
from peerspec.conformance.repro.attempt import Attempt, attempt
from peerspec.conformance.repro.file import publish
from peerspec.conformance.repro.repro import BackendKind, Repro, ReproError, find_check
from peerspec.conformance.repro.shrink import shrink
from peerspec.reference import PRECISIONS, SPEC_VERSION, Precision

__all__ = ["write_repro"]

Definition = CaseDefinition | SelectionCase | ComparisonDefinition


def write_repro(backend: Any, finding: Finding, directory: Path | str, seed: int = 0, *, timeout: float = 60.0) -> Path:
    """Shrink the case of a failure and write it.

    Args:
        backend: the judged backend, given as for ``check_backend``.
        finding: a failure or an error from its report.
        directory: where to write; it is made if it does not exist.
        seed: the seed of the report.
        timeout: seconds one call may take.

    Returns:
        The program; the tensors lie beside it, with the suffix ``.safetensors``.

    Raises:
        ReproError: the finding has no case, its case does not fail alone, or the files cannot be written.
        BackendError: no such backend.
    """
    check, make = _case_of(finding, seed)
    host = open_host(backend, timeout=timeout)
    try:
        subject, found = _smallest(check, make(host), host, finding)
    finally:
        host.close()
    kind = _kind(backend)
    name = host.name if kind is BackendKind.OBJECT else _words(backend)
    repro = Repro(
        check.id, found.clause, found.fault, finding.precision, found.message, name, kind, SPEC_VERSION, subject
    )
    return publish(repro, Path(directory))


def _smallest(check: Check, subject: Subject, host: Host, finding: Finding) -> tuple[Subject, Attempt]:
    """The smallest failing case, and how it fails."""
    whole = attempt(check, subject, host)
    if not whole.problem:
        raise ReproError(
            f"{finding.check} holds when the case {finding.case} runs alone; "
            "the answers of the backend depend on earlier calls"
        )
    smallest = shrink(check, subject, host).subject
    last = whole if host.dead else attempt(check, smallest, host)
    return smallest, last if last.problem else whole


def _case_of(finding: Finding, seed: int) -> tuple[Check, Callable[[Host], Subject]]:
    """The check of a finding, and what makes its case again for that backend."""
    if finding.status not in (Status.FAIL, Status.ERROR):
        raise ReproError(f"{finding.check} has the status {finding.status}; only a failure can be replayed")
    precision = PRECISIONS.get(finding.precision)
    if precision and finding.explored:
        made = read_recipe(finding.explored.recipe).make(precision)
        return find_check(finding.explored.check), lambda _: made
    if precision and finding.case:
        definitions: list[Definition] = [*LAYER_CASES, *SELECTION_CASES, *COMPARISON_CASES]
        if found := next((definition for definition in definitions if definition.name == finding.case), None):
            return find_check(finding.check), lambda host: _as_judged(found, host, precision).make(precision, seed)
    raise ReproError(f"{finding.check} names no case of the suite, so there is nothing to replay")


def _as_judged(definition: Definition, host: Host, precision: Precision) -> Definition:
    """The definition with the configuration that the backend takes: its own, or one that stands for it (CNF-4)."""
    if not isinstance(definition, CaseDefinition):
        return definition
    others = stand_ins(definition.config, own_activation=definition.own_activation)
    try:
        config = next(c for c in (definition.config, *others) if supports(host, c, precision.parameters) is True)
    except (Fault, StopIteration):
        return definition
    return replace(definition, config=config)


def _kind(backend: Any) -> BackendKind:
    if isinstance(backend, str):
        return BackendKind.NAME
    return BackendKind.COMMAND if isinstance(backend, Command) else BackendKind.OBJECT


def _words(backend: str | Command) -> str:
    words = backend if isinstance(backend, str) else backend.words
    return words if isinstance(words, str) else shlex.join(words)
