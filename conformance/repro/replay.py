"""The replay of a repro: the same check on the same case, on any backend."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peerspec.conformance.cases.case import Case
from peerspec.conformance.check import Check
from peerspec.conformance.clauses import clauses
from peerspec.conformance.hosts.fault import Fault
from peerspec.conformance.hosts.host import Host, open_host, supports
from peerspec.conformance.repro.attempt import Attempt, attempt
from peerspec.conformance.repro.file import read
from peerspec.conformance.repro.repro import Repro, find_check
from peerspec.conformance.repro.script import describe
from peerspec.conformance.trials.run_check import needed_profiles
from peerspec.reference import PeerError

__all__ = ["Replay", "replay"]


@dataclass(frozen=True)
class Replay:
    """The outcome of a replay.

    Attributes:
        status: 1 if the check still fails, 0 if it holds, 2 if it cannot be run.
        text: the same in words, with clause, expected, got and bound.
    """

    status: int
    text: str


def replay(path: Path | str, backend: Any, *, timeout: float = 60.0) -> Replay:
    """Run the check of a repro, given by either of its files, on a backend given as for ``check_backend``."""
    try:
        repro = read(Path(path))
        check = find_check(repro.check)
        if backend is None:
            return Replay(2, f"the repro was found with an object called {repro.backend!r}; name a backend")
        host = open_host(backend, timeout=timeout)
    except PeerError as error:
        return Replay(2, str(error))
    try:
        if obstacle := _obstacle(check, repro, host):
            return Replay(2, f"{host.name} {obstacle}; the repro does not apply to it")
        return _replayed(repro, host.name, attempt(check, repro.subject, host))
    finally:
        host.close()


def _obstacle(check: Check, repro: Repro, host: Host) -> str:
    """Why the backend need not answer; empty if it must."""
    missing = (needed_profiles(check, repro.subject) | {repro.precision}) - host.profiles
    if missing:
        return f"does not claim {', '.join(sorted(missing))}"
    if not isinstance(repro.subject, Case):
        return ""
    try:
        answer = supports(host, repro.subject.layer.config, repro.subject.layer.dtype)
    except Fault as fault:
        return f"gave no answer: {fault}"
    return "" if answer is True else f"declines the configuration ({answer})"


def _replayed(repro: Repro, name: str, found: Attempt) -> Replay:
    place = f"{repro.check} in {repro.precision} on {name}; {describe(repro.subject)}"
    if not found.decided:
        return Replay(2, f"the repro decides nothing: {place}")
    if found.problem is None:
        return Replay(0, f"{repro.clause or repro.check} holds: {place}")
    if found.fault:
        return Replay(2, f"{found.message}: {place}")
    instead = "" if found.clause == repro.clause else f", instead of {repro.title}"
    lines = [f"{found.clause} fails{instead}: {place}", f"  {found.message}"]
    if "bound" in found.problem.values:
        numbers = ", ".join(f"{key} {found.problem.values[key]!r}" for key in ("expected", "got", "bound"))
        lines.append(f"  {numbers}")
    return Replay(1, "\n".join([*lines, f"  {clauses()[found.clause].cited}"]))
