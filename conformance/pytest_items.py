"""The suite as pytest sees it: one item per check and precision, all on one backend."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from peerspec.conformance import findings
from peerspec.conformance.clauses import clauses
from peerspec.conformance.finding import Finding
from peerspec.conformance.hosts.fault import Fault
from peerspec.conformance.hosts.host import open_host
from peerspec.conformance.kinds import Status
from peerspec.conformance.plan import SUPPORTS, Plan
from peerspec.conformance.run import Run
from peerspec.reference import PeerError

__all__ = ["NODE", "CheckItem", "Suite"]

NODE = "peerspec/conformance"
"""The beginning of the items' names, wherever the package is installed and pytest is run."""

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
    for finding in run.claims():
        yield _item(parent, finding.check, "Does it claim a precision?", partial(_same, finding))
    for step in run.plan.steps:
        name = f"{step.check.id}[{step.precision}]"
        yield _item(parent, name, step.check.summary, partial(run.step, step))
    if "supports" in run.host.methods:
        yield _item(parent, SUPPORTS, "Does it take what it must?", run.supports_finding)
    for check in run.plan.unclaimed:
        yield _item(parent, check.id, check.summary, partial(findings.not_claimed, check))


def _item(parent: BackendFile, name: str, summary: str, find: Callable[[], Finding]) -> CheckItem:
    item: CheckItem = CheckItem.from_parent(parent, name=name, summary=summary, find=find)
    return item


def _same(finding: Finding) -> Finding:
    return finding


class CheckItem(pytest.Item):
    """One finding: an error in the set-up if the backend gives no answer, a failure if a clause fails.

    Its properties in JUnit XML are the data of the finding.
    """

    def __init__(self, *, summary: str, find: Callable[[], Finding], **rest: Any) -> None:
        super().__init__(**rest)
        self._summary, self._find = summary, find

    def setup(self) -> None:
        """Make the finding."""
        try:
            self.finding = self._find()
        except Fault as fault:
            pytest.fail(str(fault), pytrace=False)
        self.user_properties += _properties(self.finding)
        if self.finding.status == Status.ERROR:
            pytest.fail(self.finding.message, pytrace=False)
        if self.finding.status in (Status.NOT_CLAIMED, Status.WAIVED):
            pytest.skip(self.finding.message)

    def runtest(self) -> None:
        """Fail if the finding is a failure."""
        if self.finding.status == Status.FAIL:
            pytest.fail(_text(self.finding), pytrace=False)

    def reportinfo(self) -> tuple[Any, None, str]:
        """The file of the item, and the headline of its failure."""
        return self.path, None, f"{self.name}: {self._summary}"


def _properties(finding: Finding) -> list[tuple[str, object]]:
    values = {
        "status": finding.status,
        "reason": finding.reason,
        "clause": finding.clauses[0],
        "stage": finding.stage,
        "problem": finding.problem.kind if finding.problem else None,
    }
    return [(f"peerspec.{name}", str(value)) for name, value in values.items() if value is not None]


def _text(finding: Finding) -> str:
    case = f"\nin the case {finding.case}" if finding.case else ""
    return f"{finding.message}{case}\n{clauses()[finding.clauses[0]].cited}"
