"""``check_backend``: judge a backend and return the report."""

from __future__ import annotations

import itertools
import platform
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from peerspec.conformance.finalise import block_undecided, waive
from peerspec.conformance.finding import Finding
from peerspec.conformance.hosts.host import open_host
from peerspec.conformance.hosts.object_host import ObjectHost
from peerspec.conformance.kinds import Level
from peerspec.conformance.plan import Plan, require_waived_checks
from peerspec.conformance.report import Report
from peerspec.conformance.run import Progress, Run
from peerspec.reference import SPEC_VERSION

__all__ = ["check_backend", "versions"]


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
        stop_early: end at the first failure that no other failure caused.
        progress: called before every step.
        jobs: how many processes share the precisions, which helps backends that compile; an object has one process.

    Returns:
        The report; a backend that fails or gives no answer is a finding in it and not an exception.

    Raises:
        BackendError: no backend of that name, or an object without the contract.
        PeerError: an unknown profile, size, check or waiver.

    Example:
        >>> str(check_backend("reference", size="minimal").verdict)
        'conformant'
    """
    require_waived_checks(waivers or {})
    hosts = [open_host(backend, timeout=timeout)]
    try:
        plan = Plan.make(hosts[0].profiles, size=size, profiles=profiles, only=only)
        parts = plan.split(jobs if not isinstance(hosts[0], ObjectHost) else 1)
        hosts += [open_host(backend, timeout=timeout) for _ in parts[1:]]
        runs = [Run(host, part, seed) for host, part in zip(hosts, parts, strict=True)]
        started = time.perf_counter()
        found = (*runs[0].claims(), *_all_findings(runs, plan, stop_early=stop_early, progress=progress))
        seconds = time.perf_counter() - started
    finally:
        for host in hosts:
            host.close()
    return Report(
        backend=hosts[0].name,
        claimed=tuple(sorted(hosts[0].profiles)),
        precisions=plan.precisions,
        shows_routing=all(run.shows_routing for run in runs),
        declined=tuple(sorted(set().union(*(run.support.declined for run in runs)))),
        level=Level.BASE if any(run.support.level is Level.BASE for run in runs) else Level.FULL,
        partial=plan.partial or any(run.stopped for run in runs),
        findings=waive(block_undecided(found), waivers or {}),
        size=size,
        seed=seed,
        seconds=seconds,
        versions=versions(),
        address=backend if isinstance(backend, str) else "",
    )


def _all_findings(
    runs: Sequence[Run], plan: Plan, *, stop_early: bool, progress: Progress | None
) -> tuple[Finding, ...]:
    """The findings of all runs, which go on at the same time, in the order of the whole plan."""
    counter = itertools.count()

    def counted(_: int, __: int, name: str) -> None:
        if progress:
            progress(next(counter), len(plan.steps), name)

    def findings(run: Run) -> list[Finding]:
        return list(run.findings(stop_early=stop_early, progress=counted))

    if len(runs) == 1:
        return tuple(findings(runs[0]))
    with ThreadPoolExecutor(len(runs)) as pool:
        try:
            found = [finding for part in pool.map(findings, runs) for finding in part]
        except BaseException:  # an interrupt must not wait until all threads have their answers
            for run in runs:
                run.host.end()
            raise
    order = {(step.check.id, step.precision): number for number, step in enumerate(plan.steps)}
    return tuple(sorted(found, key=lambda finding: order.get((finding.check, finding.precision), len(order))))


def versions() -> dict[str, str]:
    """Versions of the specification, the packages and the platform."""
    found = {"spec": SPEC_VERSION, "python": platform.python_version(), "platform": platform.platform()}
    for package in ("peerspec", "numpy", "torch", "jax", "onnxruntime"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found | {"byteorder": sys.byteorder}
