"""The suite as pytest sees it: one item per check and precision, all asking one backend."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from peerspec.conformance.check import Check
from peerspec.conformance.clauses import clauses
from peerspec.conformance.hosts.call import Fault
from peerspec.conformance.hosts.host import open_host
from peerspec.conformance.plan import Plan
from peerspec.conformance.report import ERROR, FAIL, NOT_CLAIMED, PASS, Finding
from peerspec.conformance.runner import Run
from peerspec.reference import PeerError

__all__ = ["NODE", "CheckItem", "Suite"]

NODE = "peerspec/conformance"
"""What items are called by, wherever the package is installed and pytest is run."""

_USAGE = "no backend is named; run: pytest --pyargs peerspec.conformance --peer-backend BACKEND"


class Suite(pytest.Directory):
    """The folder of the suite, which holds one file of tests."""

    def collect(self) -> Iterator[pytest.Collector]:
        """That file."""
        yield BackendFile.from_parent(self, path=self.path / "test_backend.py", nodeid=f"{NODE}/test_backend.py")


class BackendFile(pytest.File):
    """The checks of the backend of ``--peer-backend``, which lives until the session ends."""

    def collect(self) -> Iterator[pytest.Item]:
        """One item per step of the plan."""
        option = self.config.getoption
        if not option("peer_backend"):
            raise self.CollectError(_USAGE)
        try:
            host = open_host(option("peer_backend"), timeout=option("peer_timeout"))
            self.config.add_cleanup(host.close)
            plan = Plan.make(host.profiles, size=option("peer_size"), profiles=option("peer_profile"))
        except PeerError as error:
            raise self.CollectError(f"peerspec: {error}") from None
        yield from _items(self, Run(host, plan, option("peer_seed")))


def _items(parent: BackendFile, run: Run) -> Iterator[pytest.Item]:
    if not run.plan.precisions:
        yield _item(parent, "structure.claims", "Does it claim a precision?", _claims_nothing)
    for step in run.plan.steps:
        name = f"{step.check.id}[{step.precision}]"
        yield _item(parent, name, step.check.summary, partial(run.step, step))
    if "supports" in run.host.methods:
        yield _item(parent, "structure.supports", "Does it take what it must?", partial(_supports, run))
    for check in run.plan.unclaimed:
        yield _item(parent, check.id, check.summary, partial(_unclaimed, check))


def _item(parent: BackendFile, name: str, summary: str, judge: Callable[[], Finding]) -> CheckItem:
    item: CheckItem = CheckItem.from_parent(parent, name=name, summary=summary, judge=judge)
    return item


def _unclaimed(check: Check) -> Finding:
    message = f"the profile {check.profile} is not claimed"
    return Finding(check.id, check.clauses, check.stage, check.profile, "", NOT_CLAIMED, message=message)


def _claims_nothing() -> Finding:
    message = "it claims no precision; claim at least one of float32, float64, bfloat16, float16"
    return Finding("structure.claims", ("CNF-1",), "structure", "core", "", FAIL, message=message)


def _supports(run: Run) -> Finding:
    """What the backend declines, asked here too because the other items may not have been selected."""
    finding = Finding("structure.supports", ("CNF-2",), "structure", "core", "", PASS)
    try:
        for step in run.plan.steps:
            for spec in step.cases:
                run.declines(spec, step.precision)
    except Fault as fault:
        return Finding("structure.supports", ("CNF-2",), "structure", "core", "", ERROR, message=str(fault))
    return next(run.refusals(), finding)


class CheckItem(pytest.Item):
    """One finding: it errs in its set-up where the backend cannot be asked, and fails where a clause does."""

    def __init__(self, *, summary: str, judge: Callable[[], Finding], **rest: Any) -> None:
        super().__init__(**rest)
        self._summary, self._judge = summary, judge

    def setup(self) -> None:
        """Judge."""
        self.finding = self._judge()
        if self.finding.status == ERROR:
            pytest.fail(self.finding.message, pytrace=False)
        if self.finding.status == NOT_CLAIMED:
            pytest.skip(self.finding.message)

    def runtest(self) -> None:
        """Say what was found."""
        if self.finding.status == FAIL:
            pytest.fail(_text(self.finding), pytrace=False)

    def reportinfo(self) -> tuple[Any, None, str]:
        """Where the item stands, and the headline of its failure."""
        return self.path, None, f"{self.name}: {self._summary}"


def _text(finding: Finding) -> str:
    clause = clauses()[finding.clauses[0]]
    case = f"\nin the case {finding.case}" if finding.case else ""
    return f"{finding.message}{case}\n{clause.id}: {clause.text}"
