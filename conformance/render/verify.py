"""Whether a report is whole, and whether this package would judge by the same clauses and code."""

from __future__ import annotations

import json
from dataclasses import dataclass

from peerspec.conformance.render.json import ReportError, loads
from peerspec.conformance.render.seal import body_holds, spec_hash, suite_hash

__all__ = ["Verification", "recorded", "verify"]


@dataclass(frozen=True)
class Verification:
    """What became of a report that is whole.

    Attributes:
        spec, suite: whether it was judged by the clauses and the code that are installed.
        hashes: those it records.
    """

    spec: bool
    suite: bool
    hashes: dict[str, str]

    @property
    def exit_status(self) -> int:
        """0 where all is as installed, 1 where the report is whole but of another specification or suite."""
        return 0 if self.spec and self.suite else 1


def verify(text: str) -> Verification:
    """Check form, hash and verdicts of a report.

    Raises:
        ReportError: not a report, of another form, changed since it was written, or a verdict its findings belie.
    """
    reports = loads(text)
    document = json.loads(text)
    if not body_holds(text):
        raise ReportError("the report was changed after it was written: its text does not have the hash it records")
    for report, row in zip(reports, document["reports"], strict=True):
        if (report.verdict, report.exit_status) != (row["verdict"], row["exit_status"]):
            raise ReportError(f"the report says {row['verdict']!r} where its findings say {report.verdict!r}")
    hashes: dict[str, str] = document["hashes"]
    return Verification(hashes["spec"] == spec_hash(), hashes["suite"] == suite_hash(), hashes)


def recorded(text: str) -> dict[str, str]:
    """The hashes that a report records, unchecked."""
    found: dict[str, str] = json.loads(text)["hashes"]
    return found
