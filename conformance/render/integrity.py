"""The integrity of a report: whether it is unchanged, and made by the installed clauses and code."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from peerspec.conformance.hashes import spec_hash, suite_hash
from peerspec.conformance.render.json import ReportError, loads
from peerspec.conformance.render.seal import body_holds

__all__ = ["Integrity", "check_integrity", "recorded_hashes"]


@dataclass(frozen=True)
class Integrity:
    """What is known of an unchanged report.

    Attributes:
        same_spec, same_suite: whether the installed clauses and the installed code made it.
        hashes: the recorded hashes.
    """

    same_spec: bool
    same_suite: bool
    hashes: dict[str, str]

    @property
    def exit_status(self) -> int:
        """0 if the installed specification and suite made it, else 1."""
        return 0 if self.same_spec and self.same_suite else 1


def check_integrity(text: str) -> Integrity:
    """Check form, hash and verdicts of a report.

    Raises:
        ReportError: no report, another form, a changed text, or a verdict that does not follow from the findings.
    """
    reports = loads(text)
    document = json.loads(text)
    if not body_holds(text):
        raise ReportError("the report was changed after it was written: its text has another hash; write it again")
    for report, row in zip(reports, document["reports"], strict=True):
        if (asdict(report.verdict), report.exit_status) != (_verdict(row), row["exit_status"]):
            recorded, found = row["verdict"]["sentence"], str(report.verdict)
            raise ReportError(f"the report says {recorded!r}, but its findings give {found!r}; write it again")
    hashes: dict[str, str] = document["hashes"]
    return Integrity(hashes["spec"] == spec_hash(), hashes["suite"] == suite_hash(), hashes)


def recorded_hashes(text: str) -> dict[str, str]:
    """The recorded hashes of a report, unchecked."""
    found: dict[str, str] = json.loads(text)["hashes"]
    return found


def _verdict(row: dict[str, Any]) -> dict[str, Any]:
    """The recorded verdict as data, without its sentence."""
    fields = {name: value for name, value in row["verdict"].items() if name != "sentence"}
    return fields | {"clauses": tuple(fields["clauses"])}
