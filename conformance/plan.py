"""The plan of a run: which checks, on which cases, in which precisions."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from peerspec import reference
from peerspec.backends import BackendError
from peerspec.backends.protocol import PRECISIONS, PROFILES
from peerspec.conformance.cases import (
    COMPARISON_CASES,
    EXPLORATIONS,
    LAYER_CASES,
    SELECTION_CASES,
    ComparisonDefinition,
    CoveringCase,
    Exploration,
    SelectionCase,
    covering_cases,
)
from peerspec.conformance.cases.case import CaseDefinition
from peerspec.conformance.check import Check
from peerspec.conformance.kinds import TrialKind
from peerspec.conformance.suite import CHECKS
from peerspec.reference import PeerConfig, PeerError

__all__ = ["PRECISIONS", "PROFILES", "SIZES", "SUPPORTS", "Plan", "Step", "require_waived_checks"]

SIZES = ("minimal", "default", "full")
CORE = "core"
"""The profile of every backend."""
SUPPORTS = "structure.supports"
"""The check without cases of its own: a backend takes the configurations that it must take (CNF-4)."""

Definition = CaseDefinition | SelectionCase | CoveringCase | Exploration | ComparisonDefinition


@dataclass(frozen=True)
class Step:
    """One check in one precision, with the definitions of its cases."""

    check: Check
    precision: str
    cases: tuple[Any, ...]


@dataclass(frozen=True)
class Plan:
    """What a run does.

    Attributes:
        precisions: the precisions of the run, whichever of them these steps have.
        steps: the checks and their cases, in order.
        unclaimed: the checks whose profile is not claimed.
        configs: the configurations of all layers of this size whose profiles are claimed, each once.
        asked: the precisions in which ``structure.supports`` is judged: those of the steps; all, if ``only`` names it.
        names_supports: whether ``only`` names it.
        partial: whether the run is restricted.
    """

    precisions: tuple[str, ...]
    steps: tuple[Step, ...]
    unclaimed: tuple[Check, ...]
    configs: tuple[PeerConfig, ...]
    asked: tuple[str, ...]
    names_supports: bool
    partial: bool

    @classmethod
    def make(
        cls,
        claimed: Collection[str],
        *,
        size: str,
        profiles: Collection[str] | None = None,
        only: Sequence[str] | None = None,
        checks: Sequence[Check] | None = None,
    ) -> Plan:
        """Plan a run for the claimed profiles.

        Args:
            claimed: the profiles that the backend claims, precisions included.
            size: one of ``SIZES``.
            profiles: restrict the run to these profiles and precisions.
            only: restrict the run to checks whose identifier starts with one of these.
            checks: all checks; those of the suite unless given.

        Raises:
            PeerError: an unknown size, profile or check.
            BackendError: the backend claims a profile that does not exist.
        """
        named = set(profiles or ())
        _require_known("size", [size], SIZES)
        _require_claims(claimed, named)
        chosen = _chosen(CHECKS if checks is None else checks, only or ())
        precisions = tuple(p for p in PRECISIONS if p in claimed and (p in named or not named & set(PRECISIONS)))
        wanted = named - set(PRECISIONS) or {CORE, *claimed}
        steps = [
            Step(check, precision, cases)
            for precision in precisions
            for check in chosen
            if check.profile in wanted and (cases := _cases(check, precision, precisions, claimed, SIZES.index(size)))
        ]
        unclaimed = tuple(check for check in chosen if check.profile not in {CORE, *claimed})
        number = SIZES.index(size)
        covering = [case for case in covering_cases(claimed) if case.size <= number]
        made = [case.config for case in _layers(claimed, number)]
        configs = tuple(dict.fromkeys((*made, *(case.config for case in covering))))
        names_supports = SUPPORTS.startswith(tuple(only or ()))
        asked = precisions if names_supports else _precisions_of(steps)
        return cls(precisions, tuple(steps), unclaimed, configs, asked, names_supports, bool(profiles or only))


def _require_claims(claimed: Collection[str], named: set[str]) -> None:
    """Refuse profiles that do not exist, and named profiles that the backend does not claim."""
    known = (*PRECISIONS, *PROFILES)
    if "sharded" in claimed:
        raise BackendError(
            "the backend claims 'sharded', which no suite can see; judge it over its shards, once for each number of "
            "them, by its other profiles"
        )
    if unknown := sorted(set(claimed) - {*known, CORE}):
        raise BackendError(f"the backend claims the unknown profile {unknown[0]!r}; known are {', '.join(known)}")
    if "frozen-statistics" in claimed and (lacking := sorted({"training", "query-norm"} - set(claimed))):
        raise BackendError(
            f"the backend claims frozen-statistics, which needs {lacking[0]!r}; claim both or neither (GRD-9)"
        )
    if "trainable" in claimed and "training" not in claimed:
        raise BackendError("the backend claims trainable, which needs 'training'; claim both or neither (TRN-1)")
    _require_known("profile", sorted(named), (*known, CORE))
    if missing := sorted(named - {*claimed, CORE}):
        raise PeerError(f"the backend does not claim {missing[0]!r}; it claims {', '.join(sorted(claimed))}")


def _chosen(checks: Sequence[Check], only: Sequence[str]) -> list[Check]:
    """The checks whose identifier starts with one of ``only``; all checks if it is empty."""
    ids = [*(check.id for check in checks), SUPPORTS]
    for beginning in only:
        if not any(id.startswith(beginning) for id in ids):
            raise PeerError(f"no check starts with {beginning!r}; `peerspec list` shows all checks")
    return [check for check in checks if not only or check.id.startswith(tuple(only))]


def _cases(
    check: Check, precision: str, precisions: tuple[str, ...], claimed: Collection[str], size: int
) -> tuple[Definition, ...]:
    first = precision == precisions[0]
    if check.trial is TrialKind.DESIGNED:
        gradients = check.profile == "training"
        rows = covering_cases(claimed, gradients=gradients)
        return tuple(c for c in rows if c.size <= size and (first or precision in c.precisions or size > c.size))
    if check.trial is TrialKind.EXPLORATION:
        return _explorations(check, precision, precisions, size)
    if check.trial is TrialKind.SELECTION:
        computed = precision in _computing(precisions)
        cases = (
            c for c in SELECTION_CASES if check.tag in c.tags and c.size <= size and (first or size >= c.everywhere)
        )
        return tuple(cases) if computed else ()
    narrow = reference.PRECISIONS[precision].input.itemsize == 2
    return tuple(
        definition
        for definition in (_layers(claimed, size) if check.trial is not TrialKind.COMPARISON else _comparisons(size))
        if check.tag in definition.tags
        and (first or size >= definition.everywhere or (narrow and size >= definition.narrow))
    )


def _explorations(check: Check, precision: str, precisions: tuple[str, ...], size: int) -> tuple[Exploration, ...]:
    """The precisions share the examples; those of half scores are the first ones of each compute dtype."""
    found = [case for case in EXPLORATIONS if check.tag in case.tags and case.size <= size]
    sharing = _computing(precisions) if any(case.trial is TrialKind.SELECTION for case in found) else precisions
    return tuple(case.part(precision, sharing) for case in found) if precision in sharing else ()


def _computing(precisions: tuple[str, ...]) -> tuple[str, ...]:
    """The first precision of each compute dtype."""
    return tuple({reference.PRECISIONS[name].compute: name for name in reversed(precisions)}.values())


def _layers(claimed: Collection[str], size: int) -> list[CaseDefinition]:
    """The layer cases of a size whose profiles are claimed."""
    return [case for case in LAYER_CASES if case.size <= size and case.profiles <= set(claimed)]


def _comparisons(size: int) -> list[ComparisonDefinition]:
    """The cases of layers of chapter 15 of a size; each has the tag of its profile."""
    return [case for case in COMPARISON_CASES if case.size <= size]


def _precisions_of(steps: Sequence[Step]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(step.precision for step in steps))


def _work(steps: Sequence[Step]) -> int:
    return sum(len(step.cases) for step in steps)


def _require_known(what: str, values: Collection[str], known: Collection[str]) -> None:
    for value in values:
        if value not in known:
            raise PeerError(f"{value!r} is no {what}; use one of {', '.join(known)}")


def require_waived_checks(waivers: Mapping[str, str]) -> None:
    """Refuse a waiver for a check that does not exist.

    Raises:
        PeerError: there is one.
    """
    for id in waivers:
        if id not in {check.id for check in CHECKS}:
            raise PeerError(f"the waiver for {id!r} names no check; `peerspec list` shows all checks")
