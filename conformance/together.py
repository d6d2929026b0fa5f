"""Runs that share a plan: they go on at the same time, each on a host of its own, and have one report."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from peerspec.conformance.finding import Finding
from peerspec.conformance.journal import Journal
from peerspec.conformance.ledger import Ledger
from peerspec.conformance.meter import Meter
from peerspec.conformance.run import Run

__all__ = ["findings_of"]


def findings_of(
    runs: Sequence[Run], meter: Meter | None = None, journal: Journal | None = None, *, stop_early: bool = False
) -> tuple[Finding, ...]:
    """One finding per step, then for a declined required configuration, then per check of an unclaimed profile.

    With ``stop_early``, cases of later steps are left out as soon as a step fails, and later steps have no finding.
    """
    ledger = Ledger(runs[0].plan.steps, stop_early=stop_early)
    meter = meter or Meter((unit for run in runs for unit in run.units), None)
    if len(runs) == 1:
        runs[0].judge(ledger, meter, journal)
    else:
        _judge_together(runs, ledger, meter, journal)
    runs[0].take_over(runs[1:])
    return (*ledger.findings(), *runs[0].closing())


def _judge_together(runs: Sequence[Run], ledger: Ledger, meter: Meter, journal: Journal | None) -> None:
    with ThreadPoolExecutor(len(runs)) as pool:
        try:
            for _ in pool.map(lambda run: run.judge(ledger, meter, journal), runs):
                pass
        except BaseException:  # an interrupt must not wait until all threads have their answers
            meter.end_telling()
            for run in runs:
                run.host.end()
            raise
