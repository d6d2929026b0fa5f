"""Write the clauses of SPEC.md and SPEC-ONNX.md, and the checks that count for their version, as data.

Run ``python -m peerspec.conformance.requirements.freeze SPEC.md SPEC-ONNX.md`` while the version is a draft; never
change the file of a final version.
"""

import json
from dataclasses import asdict, replace
from pathlib import Path

from peerspec.conformance.clauses import Clause
from peerspec.conformance.maintenance import read_document, run_with_paths
from peerspec.conformance.requirements.index import parse_index
from peerspec.conformance.requirements.parse import parse
from peerspec.conformance.suite import CHECKS
from peerspec.files.atomic_file import write_atomically
from peerspec.reference import SPEC_VERSION


def indexed_clauses(documents: dict[str, str]) -> list[Clause]:
    """The clauses of documents, given as Markdown by name, each with what the index in one of them says of it."""
    rows = {row.id: row for text in documents.values() for row in parse_index(text)}
    clauses = [clause for name, text in documents.items() for clause in parse(text, name)]
    return [
        replace(clause, classes=row.classes, profiles=row.profiles, judged_by=row.judged_by)
        if (row := rows.get(clause.id))
        else clause
        for clause in clauses
    ]


def frozen(*documents: Path) -> str:
    """The text of the data file for documents."""
    clauses = indexed_clauses({path.name: read_document(path) for path in documents})
    data = {"spec": SPEC_VERSION, "checks": [check.id for check in CHECKS], "clauses": [asdict(c) for c in clauses]}
    return json.dumps(data, indent=1, ensure_ascii=False) + "\n"


def freeze(*documents: Path) -> None:
    """Write the data file of this version into the package."""
    write_atomically(Path(__file__).parent / f"{SPEC_VERSION}.json", frozen(*documents).encode())


if __name__ == "__main__":
    run_with_paths(freeze, "peerspec.conformance.requirements.freeze SPEC.md SPEC-ONNX.md", least=1)
