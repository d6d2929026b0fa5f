"""A failure that anyone can replay: the smallest case found, in a file, and the question put to it again."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peerspec.backends.process import Command
from peerspec.conformance.cases import LAYER_CASES, SELECTION_CASES
from peerspec.conformance.cases.case import Case
from peerspec.conformance.check import Check, Evidence
from peerspec.conformance.clauses import clauses
from peerspec.conformance.explore.recipe import LayerRecipe, read_recipe
from peerspec.conformance.hosts.call import Fault
from peerspec.conformance.hosts.host import Host, open_host
from peerspec.conformance.plan import compute_dtype
from peerspec.conformance.report import ERROR, FAIL, Finding
from peerspec.conformance.repro.file import NO_ANSWER, Repro, ReproError, publish, read
from peerspec.conformance.repro.script import describe
from peerspec.conformance.repro.shrink import shrink
from peerspec.conformance.suite import CHECKS
from peerspec.conformance.trials.single_check import Halves, Subject, clause_of, judge, needed_profiles
from peerspec.reference import DTYPES, SPEC_VERSION, PeerError

__all__ = ["Replay", "Repro", "ReproError", "replay", "write_repro"]


@dataclass(frozen=True)
class Replay:
    """What asking again showed.

    Attributes:
        status: 1 the check still fails, 0 it holds, 2 it cannot be put.
        text: the same in words, with clause, expected, got and bound.
    """

    status: int
    text: str


def replay(path: Path | str, backend: Any, *, timeout: float = 60.0) -> Replay:
    """Put the question of a repro, in either of its files, to a backend given as for ``check_backend``."""
    try:
        repro = read(Path(path))
        check = _check(repro.check)
        if backend is None:
            return Replay(2, f"the repro was found with an object called {repro.backend!r}; name a backend to ask")
        host = open_host(backend, timeout=timeout)
    except PeerError as error:
        return Replay(2, str(error))
    try:
        if refused := _refused(check, repro, host):
            return Replay(2, f"{host.name} {refused}; the question of the repro cannot be put to it")
        return _replayed(repro, check, host.name, _problem(check, repro.subject, host))
    finally:
        host.close()


def write_repro(backend: Any, finding: Finding, directory: Path | str, seed: int = 0, *, timeout: float = 60.0) -> Path:
    """Shrink the case of a failure and write it down.

    Args:
        backend: the one that was judged, given as for ``check_backend``.
        finding: a failure or an error from its report.
        directory: where to write; it is made if need be.
        seed: that of the report.
        timeout: seconds one call may take.

    Returns:
        The program; the tensors lie beside it, with the suffix ``.safetensors``.

    Raises:
        ReproError: the finding has no case, its case does not fail alone, or the files cannot be written.
        BackendError: no such backend.
    """
    check, subject = _question(finding, seed)
    host = open_host(backend, timeout=timeout)
    try:
        problem = _problem(check, subject, host)
        if not _fails(problem):
            raise ReproError(
                f"{finding.check} holds when the case {finding.case} is asked alone; "
                "the answers of the backend hang on what it was asked before"
            )
        subject = shrink(check, subject, host).subject
        again = problem if host.dead else _problem(check, subject, host)
        problem = again if _fails(again) else problem
    finally:
        host.close()
    kind = "name" if isinstance(backend, str) else "command" if isinstance(backend, Command) else "object"
    clause, message = _in_words(check, problem)
    name = host.name if kind == "object" else _words(backend)
    return publish(
        Repro(check.id, clause, finding.precision, message, name, kind, SPEC_VERSION, subject), Path(directory)
    )


def _check(id: str) -> Check:
    for check in CHECKS:
        if check.id == id and not check.tag.startswith("explore."):
            return check
    raise ReproError(f"the repro is one of the check {id!r}, which this version does not have; install its version")


def _question(finding: Finding, seed: int) -> tuple[Check, Subject]:
    """The check and the case of a finding, made again from their names."""
    if finding.status not in (FAIL, ERROR):
        raise ReproError(f"{finding.check} has the status {finding.status}; only a failure has something to replay")
    if recipe := finding.where.get("recipe"):
        found = read_recipe(recipe)
        layer = isinstance(found, LayerRecipe)
        dtype = DTYPES[finding.precision] if layer else compute_dtype(finding.precision)
        return _check(finding.where["check"]), found.make(dtype)
    for spec in LAYER_CASES:
        if spec.name == finding.case and not finding.check.startswith("select."):
            return _check(finding.check), spec.make(DTYPES[finding.precision], seed)
    for case in SELECTION_CASES:
        if case.name == finding.case:
            halves = case.halves(compute_dtype(finding.precision), seed)
            return _check(finding.check), Halves(case.name, *halves, case.k)
    raise ReproError(f"{finding.check} names no case of the suite, so there is nothing to replay")


def _words(backend: str | Command) -> str:
    words = backend if isinstance(backend, str) else backend.words
    return words if isinstance(words, str) else shlex.join(words)


Problem = Evidence | Fault | None


def _problem(check: Check, subject: Subject, host: Host) -> Problem:
    try:
        return judge(check, subject, host)
    except Fault as fault:
        return fault


def _fails(problem: Problem) -> bool:
    return bool(problem if isinstance(problem, Fault) else problem and problem.problem)


def _in_words(check: Check, problem: Problem) -> tuple[str, str]:
    """The clause and what is wrong with it."""
    if isinstance(problem, Evidence):
        return clause_of(check, problem), problem.problem
    return NO_ANSWER, str(problem)


def _refused(check: Check, repro: Repro, host: Host) -> str:
    """Why the backend need not answer."""
    missing = (needed_profiles(check, repro.subject) | {repro.precision}) - host.profiles
    if missing:
        return f"does not claim {', '.join(sorted(missing))}"
    if isinstance(repro.subject, Case) and "supports" in host.methods:
        layer = repro.subject.layer
        try:
            answer = host.call("supports", {"config": layer.config, "dtype": layer.dtype}).value
        except Fault as fault:
            return f"gave no answer: {fault}"
        return "" if answer is True else f"declines the configuration ({answer})"
    return ""


def _replayed(repro: Repro, check: Check, name: str, problem: Problem) -> Replay:
    place = f"{repro.check} in {repro.precision} on {name}; {describe(repro.subject)}"
    if problem is None:
        return Replay(2, f"the repro decides nothing: {place}")
    if not _fails(problem):
        return Replay(0, f"{repro.clause} holds: {place}")
    clause, message = _in_words(check, problem)
    if isinstance(problem, Fault):
        return Replay(2, f"{message}: {place}")
    instead = "" if clause == repro.clause else f", where it was {repro.clause}"
    lines = [f"{clause} fails{instead}: {place}", f"  {message}"]
    if "bound" in problem.where:
        numbers = ", ".join(f"{key} {problem.where[key]!r}" for key in ("expected", "got", "bound"))
        lines.append(f"  {numbers}")
    return Replay(1, "\n".join([*lines, f"  {clause}: {clauses()[clause].text}"]))
