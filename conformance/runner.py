"""``check_backend``: judge a backend and return the report."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from peerspec.backends.protocol import PRECISIONS
from peerspec.conformance.finalise import block_undecided, waive
from peerspec.conformance.finding import Finding
from peerspec.conformance.hosts.host import open_host
from peerspec.conformance.hosts.object_host import ObjectHost
from peerspec.conformance.identity import identity
from peerspec.conformance.journal import Journal
from peerspec.conformance.kinds import Level
from peerspec.conformance.meter import Meter, Progress
from peerspec.conformance.order import shares, units
from peerspec.conformance.plan import Plan, require_waived_checks
from peerspec.conformance.report import Report
from peerspec.conformance.run import Run
from peerspec.conformance.together import findings_of
from peerspec.conformance.versions import versions

__all__ = ["check_backend", "make_report", "versions"]


def check_backend(
    backend: Any,
    *,
    profiles: Collection[str] | None = None,
    size: str = "default",
    seed: int = 0,
    only: Sequence[str] | None = None,
    waivers: Mapping[str, str] | None = None,
    timeout: float = 60.0,
    stop_early: bool = False,
    progress: Progress | None = None,
    jobs: int = 1,
    resume: Path | str | None = None,
    warn: Callable[[str], None] = warnings.warn,
) -> Report:
    """Judge a backend.

    Args:
        backend: an object with the contract of ``peerspec.backends.Backend``, called in this process; a name, loaded
            in a process of its own; or a ``peerspec.backends.process.Command``, a program in any language.
        profiles: restrict the run to these of the claimed profiles; the report is then partial.
        size: ``minimal``, ``default`` or ``full``.
        seed: of the inputs (INP-1).
        only: restrict the run to checks whose identifier starts with one of these; the report is then partial.
        waivers: reasons by check, for failures that are known and accepted.
        timeout: seconds one call may take; with infinity, an object is called in this thread.
        stop_early: after a failure that no other failure caused, run only what may show a cause nearer to the start of
            the layer; the first failure of the report is then that of a whole run.
        progress: called before every case, at a failure, and at the end.
        jobs: how many processes share the cases, which helps backends that compile; an object has one process.
        resume: the journal of the run. If the file exists, the run goes on where it ended; a run that is complete
            removes it. It stays if the backend ended or gave no answer in time, so that another try is possible.
        warn: called with a sentence if the journal cannot be written any more; the run goes on without it.

    Returns:
        The report; a backend that fails or gives no answer is a finding in it and not an exception.

    Raises:
        BackendError: no backend of that name, or an object without the contract.
        PeerError: an unknown profile, size, check or waiver.
        JournalError: ``resume`` is the journal of another run, or no journal.

    Example:
        >>> str(check_backend("reference", size="minimal").verdict)
        'conformant'
    """
    require_waived_checks(waivers or {})
    hosts = [open_host(backend, timeout=timeout)]
    try:
        plan = Plan.make(hosts[0].profiles, size=size, profiles=profiles, only=only)
        parts = shares(units(plan), jobs if not isinstance(hosts[0], ObjectHost) else 1)
        hosts += [open_host(backend, timeout=timeout) for _ in parts[1:]]
        runs = [Run(host, plan, seed, part) for host, part in zip(hosts, parts, strict=True)]
        about = {"profiles": profiles, "size": size, "seed": seed, "only": only, "stop early": stop_early}
        journal = Journal(Path(resume), identity(backend, hosts[0], about), warn) if resume else None
        started = time.perf_counter() - (journal.file.seconds if journal else 0.0)
        meter = Meter((unit for run in runs for unit in run.units), progress)
        try:
            found = (*runs[0].claims(), *findings_of(runs, meter, journal, stop_early=stop_early))
        finally:
            if journal:
                journal.file.close()
        seconds = time.perf_counter() - started
        if journal and not any(host.dead for host in hosts):
            journal.file.remove()
    finally:
        for host in hosts:
            host.close()
    return make_report(
        runs,
        plan,
        waive(block_undecided(found), waivers or {}),
        size=size,
        seconds=seconds,
        address=backend if isinstance(backend, str) else "",
    )


def make_report(
    runs: Sequence[Run],
    plan: Plan,
    found: tuple[Finding, ...],
    *,
    size: str,
    seconds: float = 0.0,
    address: str = "",
    partial: bool = False,
) -> Report:
    """The report of runs that share a plan and a backend; ``partial`` if some of their steps did not run."""
    return Report(
        backend=runs[0].host.name,
        claimed=tuple(sorted(runs[0].host.profiles)),
        precisions=plan.precisions,
        shows_routing=all(run.shows_routing for run in runs),
        declined=_declined(runs),
        level=Level.BASE if any(run.support.level is Level.BASE for run in runs) else Level.FULL,
        partial=partial or plan.partial or any(run.stopped for run in runs),
        findings=found,
        size=size,
        seed=runs[0].seed,
        seconds=seconds,
        versions=versions(),
        address=address,
    )


def _declined(runs: Sequence[Run]) -> tuple[str, ...]:
    """The reasons for declining configurations, each once, with its precisions."""
    found: dict[str, set[str]] = {}
    for run in runs:
        for reason, precisions in run.support.declined.items():
            found.setdefault(reason, set()).update(precisions)
    return tuple(sorted(f"{', '.join(sorted(found[r], key=PRECISIONS.index))}: {r}" for r in found))
