"""The run of a plan on one host: make the trials, run the checks, and collect the findings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from peerspec.conformance import findings
from peerspec.conformance.cases.case import CaseDefinition
from peerspec.conformance.check import Check, Evidence
from peerspec.conformance.explore.explorer import Explorer
from peerspec.conformance.finding import Finding
from peerspec.conformance.hosts.fault import Fault
from peerspec.conformance.hosts.host import Host, supports
from peerspec.conformance.kinds import TrialKind
from peerspec.conformance.plan import Plan, Step
from peerspec.conformance.trials.run_check import examine, make_trial
from peerspec.reference import PRECISIONS, PeerConfig

__all__ = ["Progress", "Run"]

Progress = Callable[[int, int, str], None]
"""Called before each step with its number, the number of all steps, and its name."""

MUST_TAKE = ("relu", "identity")
"""Activations whose configurations no backend may decline (CNF-4)."""


class Run:
    """The state of one run: the trials made so far, and facts about the backend.

    Attributes:
        shows_routing: whether every answer carried its routing.
        stopped: whether the run ended before its last step.
        declined: the configurations that the backend declined, each with its reason.
    """

    def __init__(self, host: Host, plan: Plan, seed: int) -> None:
        self.host, self.plan, self.seed = host, plan, seed
        self.shows_routing, self.stopped = True, False
        self.declined: set[str] = set()
        self._trials: dict[tuple[TrialKind, str, str], Any] = {}
        self._supported: dict[tuple[PeerConfig, str], bool | str] = {}

    def findings(self, *, stop_early: bool, progress: Progress | None) -> Iterator[Finding]:
        """One finding per step, then for a declined required configuration, then per check of an unclaimed profile."""
        for number, step in enumerate(self.plan.steps):
            if progress:
                progress(number, len(self.plan.steps), f"{step.check.id} {step.precision}")
            finding = self.step(step)
            yield finding
            if self.host.dead or (stop_early and finding.decides):
                self.stopped = True
                return
        yield from self.declines_required()
        yield from map(findings.not_claimed, self.plan.unclaimed)

    def step(self, step: Step) -> Finding:
        """All cases of a step; the finding reports the first failure."""
        return findings.waive_newer(_Step(self, step).finding())

    def claims(self) -> Iterator[Finding]:
        """The failure of a backend that claims no precision (CNF-1)."""
        if not self.plan.precisions:
            yield findings.no_precision()

    def declines_required(self) -> Iterator[Finding]:
        """The first required configuration that the backend declines (CNF-4)."""
        for (config, precision), answer in self._supported.items():
            if answer is not True and config.activation in MUST_TAKE:
                yield findings.declines_required(config, precision, str(answer))
                return

    def supports_finding(self) -> Finding:
        """Whether the backend takes all it must; for pytest, which may run no other step.

        Raises:
            Fault: the backend gave no answer.
        """
        for step in self.plan.steps:
            for definition in step.cases:
                self.decline_reason(definition, step.precision)
        return next(self.declines_required(), findings.required_taken())

    def trial(self, check: Check, definition: Any, precision: str) -> Any:
        """The trial of a case, made once."""
        key = (check.trial, definition.name, precision)
        if key not in self._trials:
            self._trials[key] = self._make(check.trial, definition, precision)
        return self._trials[key]

    def _make(self, kind: TrialKind, definition: Any, precision: str) -> Any:
        dtypes = PRECISIONS[precision]
        if kind is not TrialKind.EXPLORATION:
            return make_trial(kind, definition.make(dtypes, self.seed), self.host)
        return Explorer(
            definition, self.host, dtypes, self.seed, lambda config: not self._declined_because(config, precision)
        )

    def decline_reason(self, definition: Any, precision: str) -> str:
        """The reason for which the backend declines the configuration of a case; empty if it takes it.

        Raises:
            Fault: the backend gave no answer.
        """
        if not isinstance(definition, CaseDefinition):
            return ""
        return self._declined_because(definition.config, precision)

    def _declined_because(self, config: PeerConfig, precision: str) -> str:
        key = (config, precision)
        if key not in self._supported:
            self._supported[key] = supports(self.host, config, PRECISIONS[precision].parameters)
        answer = self._supported[key]
        if answer is True:
            return ""
        self.declined.add(f"{precision}, {config.activation}: {answer}")
        return str(answer) or "no reason given"


class _Step:
    """The cases of one step, and their outcome."""

    def __init__(self, run: Run, step: Step) -> None:
        self.run, self.check, self.precision, self.cases = run, step.check, step.precision, step.cases
        self.executed, self.share = 0, 0.0
        self.declined: set[str] = set()
        self.without_routing = False

    def finding(self) -> Finding:
        """The first failure; else a failure that another one blocks; else whether anything was decided."""
        blocked: Finding | None = None
        for definition in self.cases:
            found = self._case(definition)
            if found and found.decides:
                return found
            blocked = blocked or found
        if blocked:
            return blocked
        if self.executed:
            return findings.passed(self.check, self.precision, self.executed, self.share)
        if self.declined or self.without_routing:
            return findings.not_run(self.check, self.precision, self.declined, without_routing=self.without_routing)
        return findings.undecided(self.check, self.precision)

    def _case(self, definition: Any) -> Finding | None:
        """The finding of a case that fails or has no answer; None if it holds, decides nothing or is left out."""
        try:
            evidence = self._evidence(definition)
        except Fault as fault:
            return findings.faulty(self.check, self.precision, self.executed, fault, definition.name)
        self.executed += bool(evidence)
        worst = next((e for e in evidence if e.problem), None)
        if worst and worst.problem:
            return findings.failed(self.check, self.precision, self.executed, worst, worst.problem, definition.name)
        self.share = max([self.share, *(e.share for e in evidence)])
        return None

    def _evidence(self, definition: Any) -> list[Evidence]:
        if reason := self.run.decline_reason(definition, self.precision):
            self.declined.add(reason)
            return []
        trial = self.run.trial(self.check, definition, self.precision)
        if self.check.needs_routing and not trial.shows_routing:
            self.without_routing, self.run.shows_routing = True, False
            return []
        return examine(self.check, trial)
