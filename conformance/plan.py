"""What a run will do: which checks, on which cases, in which precisions."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from peerspec import reference
from peerspec.backends import BackendError
from peerspec.backends.protocol import PRECISIONS, PROFILES
from peerspec.conformance.cases import EXPLORATIONS, LAYER_CASES, SELECTION_CASES, Exploration, SelectionCase
from peerspec.conformance.cases.case import CaseSpec
from peerspec.conformance.check import Check
from peerspec.conformance.suite import CHECKS
from peerspec.reference import DTYPES, PeerError

__all__ = ["PRECISIONS", "PROFILES", "SIZES", "Plan", "Step", "compute_dtype"]

SIZES = ("minimal", "default", "full")

Cases = tuple[CaseSpec, ...] | tuple[SelectionCase, ...] | tuple[Exploration, ...]


@dataclass(frozen=True)
class Step:
    """One check in one precision, with its cases."""

    check: Check
    precision: str
    cases: Cases


@dataclass(frozen=True)
class Plan:
    """The steps of a run, in order, and the checks it leaves out because their profile is not claimed."""

    precisions: tuple[str, ...]
    steps: tuple[Step, ...]
    unclaimed: tuple[Check, ...]
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
            claimed: what the backend claims, precisions included.
            size: one of ``SIZES``.
            profiles: restrict to these profiles and precisions.
            only: restrict to checks whose identifier starts with one of these.
            checks: those there are; all of the suite unless given.

        Raises:
            PeerError: an unknown size, profile or check.
            BackendError: the backend claims a profile that does not exist.
        """
        _require_known("size", [size], SIZES)
        if unknown := sorted(set(claimed) - {*PRECISIONS, *PROFILES, "core"}):
            raise BackendError(
                f"the backend claims the unknown profile {unknown[0]!r}; known are "
                f"{', '.join((*PRECISIONS, *PROFILES))}"
            )
        _require_known("profile", profiles or (), (*PRECISIONS, *PROFILES, "core"))
        if missing := [p for p in profiles or () if p != "core" and p not in claimed]:
            raise PeerError(f"the backend does not claim {missing[0]!r}; it claims {', '.join(sorted(claimed))}")
        everything = CHECKS if checks is None else checks
        checks = [check for check in everything if not only or check.id.startswith(tuple(only))]
        for pattern in only or ():
            if not any(check.id.startswith(pattern) for check in everything):
                raise PeerError(f"no check starts with {pattern!r}; `peerspec list` shows all")

        named = set(profiles or ())
        precisions = tuple(p for p in PRECISIONS if p in claimed and (p in named or not named & set(PRECISIONS)))
        asked = named - set(PRECISIONS) or {"core", *claimed}
        run = [check for check in checks if check.profile in asked]
        unclaimed = tuple(check for check in checks if check.profile not in {"core", *claimed})
        steps = [
            Step(check, precision, cases)
            for first, precision in zip([True] + [False] * len(precisions), precisions, strict=False)
            for check in run
            if (cases := _cases(check, precision, precisions, claimed, SIZES.index(size), first))
        ]
        return cls(precisions, tuple(steps), unclaimed, bool(profiles or only))

    def split(self, jobs: int) -> list[Plan]:
        """At most ``jobs`` plans of about equal work; a precision stays whole, because its checks share answers."""
        groups: dict[str, list[Step]] = {}
        for step in self.steps:
            groups.setdefault(step.precision, []).append(step)
        bins: list[list[Step]] = [[] for _ in range(max(1, min(jobs, len(groups))))]
        for group in sorted(groups.values(), key=_work, reverse=True):
            min(bins, key=_work).extend(group)
        unclaimed = [self.unclaimed] + [()] * (len(bins) - 1)
        return [replace(self, steps=tuple(steps), unclaimed=rest) for steps, rest in zip(bins, unclaimed, strict=True)]


def _cases(
    check: Check,
    precision: str,
    precisions: tuple[str, ...],
    claimed: Collection[str],
    size: int,
    first: bool,
) -> Cases:
    repeated = compute_dtype(precision) in map(compute_dtype, precisions[: precisions.index(precision)])
    if check.tag == "select":
        asked = () if repeated else SELECTION_CASES
        return tuple(case for case in asked if case.size <= size and (first or size >= case.everywhere))
    if check.tag.startswith("explore."):
        asked_once = EXPLORATIONS if first else ()
        return tuple(case for case in asked_once if check.tag in case.tags and case.size <= size)
    narrow = precision == next((name for name in precisions if DTYPES[name].itemsize == 2), "")
    return tuple(
        spec
        for spec in LAYER_CASES
        if check.tag in spec.tags
        and spec.size <= size
        and spec.profiles <= set(claimed)
        and (first or size >= spec.everywhere or (narrow and size >= spec.narrow))
    )


def _work(steps: Sequence[Step]) -> int:
    return sum(len(step.cases) for step in steps)


def compute_dtype(precision: str) -> np.dtype[Any]:
    """The compute dtype: the dtype of scores and gates in a precision (PRC-3)."""
    return reference.compute_dtype(DTYPES[precision])


def _require_known(what: str, values: Collection[str], known: Collection[str]) -> None:
    for value in values:
        if value not in known:
            raise PeerError(f"{value!r} is no {what}; use one of {', '.join(known)}")
