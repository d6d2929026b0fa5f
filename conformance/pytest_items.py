"""The suite as pytest sees it: one item per check and precision, all on one backend."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from peerspec.conformance import findings
from peerspec.conformance.clauses import clauses
from peerspec.conformance.finalise import block_undecided
from peerspec.conformance.finding import Finding
from peerspec.conformance.hosts.host import open_host
from peerspec.conformance.kinds import Reason, Status
from peerspec.conformance.plan import SUPPORTS, Plan
from peerspec.conformance.report import Report
from peerspec.conformance.run import Run
from peerspec.conformance.runner import make_report
from peerspec.files.shown import printable, visible
from peerspec.reference import PeerError

__all__ = ["NODE", "CheckItem", "Judgement", "Suite"]

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
            raise self.CollectError(f"peerspec: {printable(' '.join(str(error).split()))}") from None
        judgement = Judgement(Run(host, plan, option("peer_seed")), option("peer_size"))
        self.config.pluginmanager.register(judgement)
        for name, summary in judgement.items():
            yield CheckItem.from_parent(self, name=name, summary=summary, find=partial(judgement.finding, name))


class Judgement:
    """The findings of a run by the names of their items, each made when it is first asked for, and the verdict."""

    def __init__(self, run: Run, size: str) -> None:
        self._run, self._size = run, size
        self._items = {name: (summary, find) for name, summary, find in _items(run)}
        self._found: dict[str, Finding] = {}

    def items(self) -> Iterator[tuple[str, str]]:
        """The name and the question of each item."""
        yield from ((name, summary) for name, (summary, _) in self._items.items())

    def finding(self, name: str) -> Finding:
        """The finding of an item; where no case decided anything, a failure of any other item may explain it."""
        found = self._made(name)
        if found.reason is Reason.UNDECIDED:
            return block_undecided((found, *map(self._made, self._items)))[0]
        return found

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Show the verdict of the findings that were made."""
        if self._found:
            terminalreporter.write_line(printable(f"peerspec: {self._run.host.name}: {self._report().verdict}"))

    def _made(self, name: str) -> Finding:
        if name not in self._found:
            self._found[name] = self._items[name][1]()
        return self._found[name]

    def _report(self) -> Report:
        partial_run = len(self._found) < len(self._items)
        found = block_undecided(tuple(self._found.values()))
        return make_report([self._run], self._run.plan, found, size=self._size, partial=partial_run)


def _items(run: Run) -> Iterator[tuple[str, str, Callable[[], Finding]]]:
    for finding in run.claims():
        yield finding.check, "Does it claim a precision?", partial(_same, finding)
    for step in run.plan.steps:
        yield f"{step.check.id}[{step.precision}]", step.check.summary, partial(run.step, step)
    if "supports" in run.host.methods:
        yield SUPPORTS, "Does it take what it must?", run.supports_finding
    for check in run.plan.unclaimed:
        yield check.id, check.summary, partial(findings.not_claimed, check)


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
        self.finding = self._find()
        self.user_properties += _properties(self.finding)
        if self.finding.status == Status.ERROR:
            pytest.fail(visible(self.finding.message), pytrace=False)
        if self.finding.status in (Status.NOT_CLAIMED, Status.WAIVED):
            pytest.skip(visible(self.finding.message))

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
    return f"{visible(finding.message)}{case}\n{clauses()[finding.clauses[0]].cited}"
