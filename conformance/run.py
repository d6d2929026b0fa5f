"""The run of a plan, or of a share of it, on one host: make the trials, run the checks, and collect the outcomes.

The cases run in the order of ``order``. The findings are the same in any order: each is concluded from the outcomes of
all its cases, in the order of the suite.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from peerspec.conformance import findings
from peerspec.conformance.cases import Exploration, SelectionCase
from peerspec.conformance.cases.case import CaseDefinition
from peerspec.conformance.cases.options import sizes
from peerspec.conformance.cases.recipe import HalvesRecipe, Recipe
from peerspec.conformance.check import Check, Evidence
from peerspec.conformance.explore.designed import DesignedTrial
from peerspec.conformance.explore.explorer import Explorer, Identity
from peerspec.conformance.finding import Finding
from peerspec.conformance.hosts.fault import Fault
from peerspec.conformance.hosts.host import Host
from peerspec.conformance.journal import Journal
from peerspec.conformance.kinds import TrialKind
from peerspec.conformance.ledger import Ledger
from peerspec.conformance.meter import Meter
from peerspec.conformance.order import Unit, units
from peerspec.conformance.outcome import Outcome, conclude
from peerspec.conformance.plan import Plan, Step
from peerspec.conformance.problems import Hint, HintKind
from peerspec.conformance.support import Support
from peerspec.conformance.trials.diagnosis import diagnosed, diagnosed_fault
from peerspec.conformance.trials.run_check import examine, make_trial
from peerspec.reference import PRECISIONS, PeerConfig

__all__ = ["Run"]

_WIDER = 8
"""Where D = M must hold, the smaller one stands for both if the larger one would cost this many times as much."""


class Run:
    """The state of one run: the trials made so far, and facts about the backend.

    Attributes:
        shows_routing: whether every answer carried its routing.
        stopped: whether the run ended before its last case.
        support: what the backend takes and declines.
        units: the cases, in the order in which they run; all cases of the plan, or the share of this run.
    """

    def __init__(self, host: Host, plan: Plan, seed: int, share: Sequence[Unit] | None = None) -> None:
        self.host, self.plan, self.seed = host, plan, seed
        self.shows_routing, self.stopped = True, False
        self.support = Support(host, plan.configs, plan.asked)
        self.units = units(plan) if share is None else tuple(share)
        self._trials: dict[tuple[TrialKind, str, str], Any] = {}

    def judge(self, ledger: Ledger, meter: Meter, journal: Journal | None = None) -> None:
        """Run the units whose outcomes the ledger needs, and add these."""
        if journal:
            self.support.restore(journal.support)
        self._run_units(ledger, meter, journal)
        self.stopped = bool(self.host.dead) or ledger.stopped

    def closing(self) -> Iterator[Finding]:
        """The findings that no step has: of a declined required configuration, and per check of an unclaimed profile.

        They follow from what the whole plan has asked for, so a run that stopped has none.
        """
        if not self.stopped:
            yield from self.supports() if self.plan.names_supports else self.declines_required()
            yield from map(findings.not_claimed, self.plan.unclaimed)

    def take_over(self, others: Iterable[Run]) -> None:
        """Know what runs of other shares of the plan have asked for, and whether they stopped."""
        for other in others:
            self.support.take_over(other.support)
            self.stopped |= other.stopped

    def _run_units(self, ledger: Ledger, meter: Meter, journal: Journal | None) -> None:
        for unit in self.units:
            if journal and (known := journal.outcomes(unit)) is not None:
                self._restore(unit, known, ledger, meter)
            elif any(ledger.needs(*place) for place in unit.places):
                meter.begin(unit)
                found = self._run_unit(unit, ledger, meter)
                if self.host.dead:
                    return
                if journal:
                    journal.write(unit, found, self.support.news())
                meter.end(unit)
            else:
                meter.end(unit, ran=False)

    def _run_unit(self, unit: Unit, ledger: Ledger, meter: Meter) -> dict[str, Outcome]:
        """The outcomes of a unit by check; its trials are of no use afterwards."""
        found: dict[str, Outcome] = {}
        for number, position in unit.places:
            if self.host.dead or not ledger.needs(number, position):
                continue
            step = self.plan.steps[number]
            found[step.check.id] = outcome = self.outcome(step, unit.definition)
            self._add(number, position, outcome, ledger, meter)
        self._trials.clear()
        return found

    def _restore(self, unit: Unit, known: Mapping[str, Outcome], ledger: Ledger, meter: Meter) -> None:
        """Take the outcomes of a unit from a journal."""
        for number, position in unit.places:
            if outcome := known.get(self.plan.steps[number].check.id):
                self.shows_routing &= not outcome.without_routing
                self._add(number, position, outcome, ledger, meter)
        meter.end(unit, ran=False)

    def _add(self, number: int, position: int, outcome: Outcome, ledger: Ledger, meter: Meter) -> None:
        ledger.add(number, position, outcome)
        if outcome.finding and (found := findings.waive_newer(outcome.finding)).decides:
            meter.failed(found)

    def step(self, step: Step) -> Finding:
        """All cases of a step, in their order; the finding reports the first failure."""
        found: dict[str, Outcome] = {}
        for definition in step.cases:
            found[definition.name] = outcome = self.outcome(step, definition)
            if outcome.decides:
                break
        concluded = conclude(step, found)
        assert concluded is not None
        return concluded

    def outcome(self, step: Step, definition: Any) -> Outcome:
        """What a check finds on one case."""
        judged = _Judged(self, step)
        found = judged.case(definition)
        declined = next(iter(judged.declined), "")
        return Outcome(bool(judged.executed), judged.share, found, declined, judged.without_routing)

    def claims(self) -> Iterator[Finding]:
        """The failure of a backend that claims no precision (CNF-1)."""
        if not self.plan.precisions:
            yield findings.no_precision()

    def declines_required(self) -> Iterator[Finding]:
        """The first configuration of the level base that the backend declines (CNF-4), or that it gave no answer."""
        found = [self._declines_required(precision) for precision in self.plan.asked]
        yield from [finding for finding in found if finding][:1]

    def supports(self) -> Iterator[Finding]:
        """For each precision whether the backend takes all it must (CNF-4)."""
        for precision in self.plan.asked:
            yield self._declines_required(precision) or findings.required_taken(precision)

    def _declines_required(self, precision: str) -> Finding | None:
        try:
            refusal = self.support.refusal(precision)
        except Fault as fault:
            return findings.support_unknown(fault, precision)
        return findings.declines_required(refusal) if refusal else None

    def supports_finding(self) -> Finding:
        """Whether the backend takes all it must; for pytest, which may run no other step."""
        return next(self.declines_required(), findings.required_taken())

    def trial(self, check: Check, definition: Any, precision: str) -> Any:
        """The trial of a case, made once."""
        key = (check.trial, definition.name, precision)
        if key not in self._trials:
            self._trials[key] = self._make(check.trial, definition, precision)
        return self._trials[key]

    def _make(self, kind: TrialKind, definition: Any, precision: str) -> Any:
        dtypes = PRECISIONS[precision]
        if kind is TrialKind.EXPLORATION:
            return self.explorer(definition, precision)
        if kind is TrialKind.DESIGNED:
            return DesignedTrial(definition, self.host, dtypes, self.seed, lambda r: self._adapted(r, precision))
        return make_trial(kind, definition.make(dtypes, self.seed), self.host)

    def explorer(self, exploration: Exploration, precision: str, known: Collection[Identity] = ()) -> Explorer:
        """The trial of an exploration; failures of the identities ``known`` are not looked for."""
        dtypes = PRECISIONS[precision]
        return Explorer(
            exploration, self.host, dtypes, self.seed, lambda recipe: self._adapted(recipe, precision), known
        )

    def _adapted(self, recipe: Recipe, precision: str) -> Recipe | None:
        if isinstance(recipe, HalvesRecipe):
            return None if self.support.declines_selection(len(recipe.scores1[0]), recipe.k, precision) else recipe
        config = self.support.taken(recipe.config, precision)
        narrow = min(recipe.config.d_model, recipe.config.d_out)
        if isinstance(config, PeerConfig) and recipe.config.d_model != config.d_model > _WIDER * max(narrow, _WIDER):
            config = self.support.taken(replace(recipe.config, d_model=narrow, d_out=narrow), precision)
        return None if isinstance(config, str) else replace(recipe, config=config)

    def taken(self, definition: Any, precision: str) -> Any:
        """The definition itself, one that stands for it, or the reason for declining both.

        Raises:
            Fault: the backend gave no answer.
        """
        if isinstance(definition, SelectionCase):
            return self.support.declines_selection(definition.n, definition.k, precision) or definition
        if not isinstance(definition, CaseDefinition):
            return definition
        config = self.support.taken(definition.config, precision, own_activation=definition.own_activation)
        return config if isinstance(config, str) else replace(definition, config=config)


class _Judged:
    """One case of a step, and what was found."""

    def __init__(self, run: Run, step: Step) -> None:
        self.run, self.check, self.precision = run, step.check, step.precision
        self.executed, self.share = 0, 0.0
        self.declined: set[str] = set()
        self.without_routing = False

    def case(self, definition: Any) -> Finding | None:
        """The finding of a case that fails or has no answer; None if it holds, decides nothing or is left out."""
        try:
            evidence = self._evidence(definition)
        except Fault as fault:
            cause = self._cause(fault, definition)
            return findings.faulty(self.check, self.precision, self.executed, fault, definition.name, cause)
        self.executed += bool(evidence)
        worst = next((self._diagnosed(e, definition) for e in evidence if e.problem), None)
        if worst and worst.problem:
            problem = replace(worst.problem, hints=(*worst.problem.hints, *self._stand_in(definition)))
            return findings.failed(self.check, self.precision, self.executed, worst, problem, definition.name)
        self.share = max([self.share, *(e.share for e in evidence)])
        return None

    def _cause(self, fault: Fault, definition: Any) -> Evidence | None:
        """What is to blame for an error that the backend raised, if more is known than that."""
        if self._searches or not fault.owed:
            return None
        subject = self.run.trial(self.check, self.run.taken(definition, self.precision), self.precision).subject
        return diagnosed_fault(self.check, subject, self.run.host, findings.taken_not_answered(fault))

    @property
    def _searches(self) -> bool:
        """Whether the check looks for a case, and has said what is to blame for its failure."""
        return self.check.trial in (TrialKind.EXPLORATION, TrialKind.DESIGNED)

    def _diagnosed(self, evidence: Evidence, definition: Any) -> Evidence:
        """The evidence with what is to blame; designed and explored cases have said so already."""
        if self._searches:
            return evidence
        trial = self.run.trial(self.check, self.run.taken(definition, self.precision), self.precision)
        return diagnosed(self.check, trial.subject, self.run.host, evidence, trial)

    def _stand_in(self, definition: Any) -> Iterator[Hint]:
        """What stood for the configuration of the case, if anything."""
        taken = self.run.taken(definition, self.precision)
        if isinstance(taken, CaseDefinition) and taken.config != definition.config:
            yield Hint(HintKind.STAND_IN, {"config": sizes(taken.config)})

    def _evidence(self, definition: Any) -> list[Evidence]:
        taken = self.run.taken(definition, self.precision)
        if isinstance(taken, str):
            self.declined.add(taken)
            return []
        trial = self.run.trial(self.check, taken, self.precision)
        if self.check.needs_routing and not trial.shows_routing:
            self.without_routing, self.run.shows_routing = True, False
            return []
        return examine(self.check, trial)
