"""The run: ask the backend every case of the plan, judge, and write down what was found."""

from __future__ import annotations

import itertools
import platform
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from peerspec.conformance.cases.case import CaseSpec
from peerspec.conformance.check import Check, Evidence
from peerspec.conformance.explore.explorer import Explorer
from peerspec.conformance.finalise import SUPPORTS, UNDECIDED, count_known, finalise, require_checks, waive
from peerspec.conformance.hosts.call import Fault
from peerspec.conformance.hosts.host import Host, ObjectHost, open_host
from peerspec.conformance.plan import Plan, Step, compute_dtype
from peerspec.conformance.report import ERROR, FAIL, NOT_CLAIMED, PASS, Finding, Report
from peerspec.conformance.trials.gradients import GradientTrial
from peerspec.conformance.trials.layer import Trial, Unsound
from peerspec.conformance.trials.selection import SelectionTrial
from peerspec.reference import DTYPES, SPEC_VERSION, PeerConfig

__all__ = ["Progress", "Run", "check_backend", "versions"]

Progress = Callable[[int, int, str], None]
"""Called before each step with its number, the number of all, and its name."""

MUST_TAKE = ("relu", "identity")
"""Activations whose configurations cannot be declined (CNF-2)."""


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
        backend: an object with the contract of ``peerspec.backends.Backend``, judged in this process; the name of one,
            judged in a process of its own; or a ``peerspec.backends.process.Command``, a program in any language.
        profiles: judge only these of the profiles it claims; the report is then partial.
        size: ``minimal``, ``default`` or ``full``.
        seed: of the inputs (INP-1).
        only: judge only checks whose identifier starts with one of these; the report is then partial.
        waivers: reasons by check, for failures that are known and accepted.
        timeout: seconds one call may take; an object that has no limit, infinity, is called in this thread.
        stop_early: end at the first failure that is no consequence of another.
        progress: told of every step.
        jobs: how many processes share the precisions; helps backends that compile. An object has one.

    Returns:
        The report; a backend that fails or cannot be asked is a finding in it and not an exception.

    Raises:
        BackendError: no backend of that name, or an object without the contract.
        PeerError: an unknown profile, size, check or waiver.
    """
    require_checks(waivers or {})
    hosts = [open_host(backend, timeout=timeout)]
    try:
        plan = Plan.make(hosts[0].profiles, size=size, profiles=profiles, only=only)
        shares = plan.split(jobs if not isinstance(hosts[0], ObjectHost) else 1)
        hosts += [open_host(backend, timeout=timeout) for _ in shares[1:]]
        runs = [Run(host, share, seed) for host, share in zip(hosts, shares, strict=True)]
        started = time.perf_counter()
        findings = finalise(_together(runs, plan, stop_early=stop_early, progress=progress))
        seconds = time.perf_counter() - started
    finally:
        for host in hosts:
            host.close()
    return Report(
        backend=hosts[0].name,
        claimed=tuple(sorted(hosts[0].profiles)),
        precisions=plan.precisions,
        shows_routing=all(run.shows_routing for run in runs),
        declined=tuple(sorted(set().union(*(run.declined for run in runs)))),
        partial=plan.partial or any(run.stopped for run in runs),
        findings=waive(count_known(findings), waivers or {}),
        size=size,
        seed=seed,
        seconds=seconds,
        versions=versions(),
        address=backend if isinstance(backend, str) else "",
    )


def _together(runs: Sequence[Run], plan: Plan, *, stop_early: bool, progress: Progress | None) -> tuple[Finding, ...]:
    """The findings of all runs, side by side in time, in the order of the whole plan."""
    counter = itertools.count()

    def told(_: int, __: int, name: str) -> None:
        if progress:
            progress(next(counter), len(plan.steps), name)

    def findings(run: Run) -> list[Finding]:
        return list(run.findings(stop_early=stop_early, progress=told))

    if len(runs) == 1:
        return tuple(findings(runs[0]))
    with ThreadPoolExecutor(len(runs)) as pool:
        try:
            found = [finding for part in pool.map(findings, runs) for finding in part]
        except BaseException:  # of which an interrupt must not wait until all threads have had their answers
            for run in runs:
                run.host.end()
            raise
    order = {(step.check.id, step.precision): number for number, step in enumerate(plan.steps)}
    return tuple(sorted(found, key=lambda finding: order.get((finding.check, finding.precision), len(order))))


class Run:
    """The state of one run: trials already made, and what was learned of the backend on the way."""

    def __init__(self, host: Host, plan: Plan, seed: int) -> None:
        self.host, self.plan, self.seed = host, plan, seed
        self.shows_routing, self.stopped = True, False
        self.declined: set[str] = set()
        self._trials: dict[tuple[str, str, str], Any] = {}
        self._support: dict[tuple[PeerConfig, str], bool | str] = {}

    def findings(self, *, stop_early: bool, progress: Progress | None) -> Iterator[Finding]:
        """One finding per step, then those of refusals, then one per check not claimed."""
        for number, step in enumerate(self.plan.steps):
            if progress:
                progress(number, len(self.plan.steps), f"{step.check.id} {step.precision}")
            finding = self.step(step)
            yield finding
            if self.host.dead or (stop_early and finding.decides):
                self.stopped = True
                return
        yield from self.refusals()
        for check in self.plan.unclaimed:
            yield _finding(check, "", NOT_CLAIMED, message=f"the profile {check.profile} is not claimed")

    def step(self, step: Step) -> Finding:
        """All cases of a step; the first failure is the one reported."""
        executed, share, reasons = 0, 0.0, set()
        blocked: Finding | None = None
        for spec in step.cases:
            try:
                reason = self.declines(spec, step.precision)
                if reason:
                    reasons.add(f"declined: {reason}")
                    continue
                trial = self._trial(step.check, spec, step.precision)
                if step.check.needs_routing and not self._shows_routing(trial):
                    reasons.add("the backend shows no trace")
                    continue
                evidence = _evidence(step.check, trial)
            except Fault as fault:
                message = f"in the case {spec.name}: {fault}"
                error = _finding(step.check, step.precision, ERROR, executed, float("inf"), message, spec.name)
                return replace(error, where={"raised": fault.raised} if fault.raised else {})
            executed += bool(evidence)
            worst = next((e for e in evidence if e.problem), None)
            if worst and not worst.blocked:
                return _failure(step, executed, worst, spec.name)
            if worst:
                blocked = blocked or _failure(step, executed, worst, spec.name)
            share = max([share, *(e.share for e in evidence)])
        if blocked:
            return blocked
        if executed:
            return _finding(step.check, step.precision, PASS, executed, share)
        if reasons:
            return _finding(step.check, step.precision, NOT_CLAIMED, message="; ".join(sorted(reasons)))
        return _finding(step.check, step.precision, ERROR, message=UNDECIDED)

    def _shows_routing(self, trial: Trial) -> bool:
        if not trial.shows_routing:
            self.shows_routing = False
        return trial.shows_routing

    def _trial(self, check: Check, spec: Any, precision: str) -> Any:
        family = check.tag.split(".")[0]
        kind = family if family in ("select", "gradient", "explore") else "layer"
        key = (kind, spec.name, precision)
        if key not in self._trials:
            self._trials[key] = self._make(kind, spec, precision)
        return self._trials[key]

    def _make(self, kind: str, spec: Any, precision: str) -> Any:
        if kind == "select":
            return SelectionTrial(spec, spec.halves(compute_dtype(precision), self.seed), self.host)
        if kind == "explore":
            dtype = compute_dtype(precision) if "explore.select" in spec.tags else DTYPES[precision]
            return Explorer(spec, self.host, dtype, self.seed, lambda config: self._declines(config, precision))
        case = spec.make(DTYPES[precision], self.seed)
        return GradientTrial(case, self.host) if kind == "gradient" else Trial(case, self.host)

    def declines(self, spec: Any, precision: str) -> str:
        """Why the backend declines a configuration, or nothing."""
        return self._declines(spec.config, precision) if isinstance(spec, CaseSpec) else ""

    def _declines(self, config: PeerConfig, precision: str) -> str:
        if "supports" not in self.host.methods:
            return ""
        key = (config, precision)
        if key not in self._support:
            arguments = {"config": config, "dtype": DTYPES[precision]}
            self._support[key] = self.host.call("supports", arguments).value
        answer = self._support[key]
        if answer is True:
            return ""
        self.declined.add(f"{precision}, {config.activation}: {answer}")
        return str(answer) or "no reason given"

    def refusals(self) -> Iterator[Finding]:
        """Refusals that CNF-2 does not allow."""
        for (config, precision), answer in self._support.items():
            if answer is not True and config.activation in MUST_TAKE:
                yield Finding(
                    SUPPORTS,
                    ("CNF-2",),
                    "structure",
                    "core",
                    precision,
                    FAIL,
                    message=f"it declines {config.activation} ({answer}), which every backend must take: {config}",
                )
                return


def _evidence(check: Check, trial: Any) -> list[Evidence]:
    try:
        return list(check.judge(trial))
    except Unsound as wrong:
        return [Evidence(float("inf"), f"asked once more, {wrong}", wrong.clause)]


def _finding(
    check: Check,
    precision: str,
    status: str,
    cases: int = 0,
    share: float = 0.0,
    message: str = "",
    case: str = "",
) -> Finding:
    return Finding(check.id, check.clauses, check.stage, check.profile, precision, status, cases, share, message, case)


def _failure(step: Step, executed: int, evidence: Evidence, case: str) -> Finding:
    finding = _finding(step.check, step.precision, FAIL, executed, evidence.share, evidence.problem, case)
    clause = evidence.clause or step.check.clauses[0]
    clauses = (clause, *(other for other in step.check.clauses if other != clause))
    return replace(finding, clauses=clauses, stage=evidence.stage or finding.stage, where=evidence.where)


def versions() -> dict[str, str]:
    """Versions of the specification, the packages and the platform."""
    found = {"spec": SPEC_VERSION, "python": platform.python_version(), "platform": platform.platform()}
    for package in ("peerspec", "numpy", "torch", "jax", "onnxruntime"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found | {"byteorder": sys.byteorder}
