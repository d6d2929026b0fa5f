"""Write the clauses of SPEC.md, and the checks that count for its version, as data.

Run ``python -m peerspec.conformance.requirements.freeze SPEC.md`` while the version is a draft; never change the file
of a final version.
"""

import json
import sys
from dataclasses import asdict
from pathlib import Path

from peerspec.conformance.clauses import parse
from peerspec.conformance.suite import CHECKS
from peerspec.reference import SPEC_VERSION


def frozen(spec: Path) -> str:
    """The text of the data file for a SPEC.md."""
    rows = [asdict(clause) for clause in parse(spec.read_text("utf-8"))]
    checks = [check.id for check in CHECKS]
    return json.dumps({"spec": SPEC_VERSION, "checks": checks, "clauses": rows}, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    (Path(__file__).parent / f"{SPEC_VERSION}.json").write_text(frozen(Path(sys.argv[1])), "utf-8")
