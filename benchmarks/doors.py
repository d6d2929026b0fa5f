"""Every wrong and every unusual backend of the tests through every door of the suite, which must all say the same.

    python benchmarks/doors.py [NAME ...] [--jobs 2] [--keep FILE] [--write benchmarks/results/doors.json]

The doors are an object, a name, a program, the command with ``--json``, and pytest. Each run ends at its first
failure, at the size minimal if the object fails there, else at the size default. Verdict, exit status and the first
failure are compared: check, precision, clause, stage and kind of the problem. The exit status is 1 if any door differs.

A mutant runs only the check that found it in ``benchmarks/results/mutants.json``, which is what ends a whole run. One
mutant in 24, or in ``--whole``, runs all checks. So does one that this check does not find in the same way through all
doors: its defect depends on earlier calls, and doors agree on the order of checks only if all run. A variant runs all
checks of the parts in which it differs, at the size minimal, in one of its precisions, which follows from its name.
With ``--keep`` an interrupted run goes on where it ended, as long as neither the suite nor the backend has changed;
with ``--earlier``, also if they have, and the results say of how many backends that is so.

Through files some defects cannot be seen, and do no harm: what a program does with its own memory, and the order of
memory or of names, which a file does not have. For these the program must be accepted, or fail at another clause.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from zlib import crc32

from door_answers import DOORS, Asked, First, Said, by_object
from tester_runs import files, parts, with_one_precision

from peerspec.backends import load
from peerspec.conformance.cases.covering.rows import stored_rows
from peerspec.conformance.cases.recipe import Memory
from peerspec.conformance.problems import ProblemKind

ROOT = Path(__file__).parents[1]
MUTANTS = ROOT / "benchmarks" / "results" / "mutants.json"
SIZES = ("minimal", "default")
OF_MEMORY = ("IND-2", "IND-4")
"""The clauses about arrays that a backend and its caller share."""
LAID_OUT = (".strided", ".columns", ".tables", ".reversed", ".broadcast", ".unaligned", "gaps", "columns")
"""The ends of the names of cases about the order of memory."""
IN_ANOTHER_ORDER = ("adapter.tall", "adapter.gradient.tall")
"""The cases whose bases come in another order than the targets of the adapter."""
SUITE = (
    "conformance",
    "reference",
    "cli",
    "files",
    "backends/process",
    "backends/*.py",
    "tests/*/_*.py",
    "benchmarks/door_answers.py",
)
"""What a comparison depends on, besides the backend."""
WITH_A_VERDICT = (0, 1)
"""Exit statuses of a run that accepts or fails a backend."""
OF_ARRAYS = (ProblemKind.INPUT_MODIFIED, ProblemKind.STALE_FOR_CHANGE)
"""Problems of an array that the caller passes and uses again, in place: through files, each call gets new arrays."""


@dataclass(frozen=True)
class Compared:
    """One backend: what the object says, and what each door says that differs.

    Attributes:
        name, size: the file, and the size of the runs.
        only: the beginnings of the checks that ran; all if empty.
        said: what the object says.
        others: what the doors say that differ, by door.
        case: the case of the first failure of the object.
        seconds: the time of all doors.
    """

    name: str
    size: str
    only: str
    said: Said
    others: dict[str, Said]
    case: str
    seconds: float

    @property
    def unseen(self) -> bool:
        """Whether the defect cannot be seen through files."""
        first = self.said.first
        in_memory = first is not None and (first.clause in OF_MEMORY or first.kind in OF_ARRAYS)
        return in_memory or self.case in IN_ANOTHER_ORDER or self.case.endswith(LAID_OUT) or _covers_memory(self.case)

    @property
    def differs(self) -> bool:
        """Whether a door differs that must not."""
        program = self.others.get("program")
        harmless = self.unseen and program is not None and program.status in WITH_A_VERDICT
        return bool(self.others.keys() - ({"program"} if harmless else set()))


def _covers_memory(case: str) -> bool:
    """Whether a case is a row of the covering array in another order of memory than that of rows."""
    family, _, number = case.removesuffix(".gradients").partition(".")
    return family == "cover" and stored_rows()[int(number)].recipe.memory is not Memory.ROWS


def compared(path: Path, only: tuple[str, ...], turn: int) -> Compared:
    """One backend through all doors; ``turn`` chooses the precision of a variant."""
    if path.parent.name == "variants":
        profiles = with_one_precision(load(str(path)).profiles, turn)
        return _through_all(Asked(path, "minimal", only, tuple(profiles)))
    found = _through_all(*(Asked(path, size, only) for size in SIZES))
    if only and (found.differs or not found.said.status):
        found = _through_all(*(Asked(path, size) for size in SIZES))
    return found


def _through_all(*runs: Asked) -> Compared:
    """The first of these runs that the object fails, or the last, through all doors."""
    started = time.perf_counter()
    for asked in runs:
        said, report = by_object(asked)
        if not report.conformant:
            break
    answers = {door: ask(asked) for door, ask in DOORS.items()}
    others = {door: answer for door, answer in answers.items() if not _same(door, said, answer)}
    case = report.first.case if report.first else ""
    seconds = round(time.perf_counter() - started, 1)
    return Compared(asked.path.stem, asked.size, " ".join(asked.only), said, others, case, seconds)


def _same(door: str, said: Said, answer: Said) -> bool:
    if door != "pytest":
        return said == answer
    return (said.first, bool(said.status)) == (answer.first, bool(answer.status))


def backends(names: list[str], whole: int) -> list[tuple[Path, tuple[str, ...], int]]:
    """The mutants and the variants, or those of these names, with the checks to run and the turn of each."""
    first = json.loads(MUTANTS.read_text("utf-8"))

    def checks(path: Path) -> tuple[str, ...]:
        found = first.get(path.stem)
        return (found["check"],) if found and _turn(path) % whole else ()

    mutants = [(path, checks(path), _turn(path)) for path in files("mutants")]
    variants = [(path, parts(path) or (), _turn(path)) for path in files("variants")]
    return [each for each in (*mutants, *variants) if not names or each[0].stem in names]


def _turn(path: Path) -> int:
    """A number that follows from the name, and not from the other files."""
    return crc32(path.stem.encode())


def run(tasks: list[tuple[Path, tuple[str, ...], int]], jobs: int, kept: Kept) -> Iterator[Compared]:
    """All of them, each in a new process, so that nothing that a backend stores reaches another run."""
    yield from filter(None, (kept.of(*task) for task in tasks))
    missing = [task for task in tasks if kept.of(*task) is None]
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), max_tasks_per_child=1) as pool:
        started, total = time.perf_counter(), len(missing)
        asked = {pool.submit(compared, *task): task for task in missing}
        for number, done in enumerate(as_completed(asked), 1):
            found = done.result()
            kept.add(found, *asked[done])
            mark = "DIFFERS" if found.differs else "unseen " if found.unseen and found.others else "same   "
            left = (time.perf_counter() - started) / number * (total - number)
            print(f"{number}/{total} {mark} {found.name} ({found.seconds:.0f} s, {left / 60:.0f} min left)", flush=True)
            for door, said in (found.others if found.differs else {}).items():
                print(f"    object : {found.said}\n    {door:7}: {said}", flush=True)
            yield found


class Kept:
    """What was compared before, in lines of JSON, by the digest of the sources that it depends on.

    Attributes:
        earlier: the names of the backends whose last comparison counts, though the sources have changed; None if no
            such comparison does.
    """

    def __init__(self, path: Path | None, *, earlier: bool) -> None:
        self.path = path
        self.earlier: set[str] | None = set() if earlier else None
        lines = path.read_text("utf-8").splitlines() if path and path.exists() else []
        rows = [json.loads(line) for line in lines]
        self._found = {row.pop("sources"): row for row in rows}
        self._by_name = {row["name"]: row for row in rows}

    def of(self, *task: Any) -> Compared | None:
        """The comparison of a backend; None if there is none of these sources, or of none that count."""
        row, name = self._found.get(_sources(*task)), task[0].stem
        if row is None and self.earlier is not None and name in self._by_name:
            row = self._by_name[name]
            self.earlier.add(name)
        if row is None:
            return None
        others = {door: _read(said) for door, said in row["others"].items()}
        return Compared(**row | {"said": _read(row["said"]), "others": others})

    def add(self, found: Compared, *task: Any) -> None:
        """Write a comparison down at once."""
        if self.path:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(found) | {"sources": _sources(*task)}) + "\n")


def _read(said: dict[str, Any]) -> Said:
    return Said(**said | {"first": First(**said["first"]) if said["first"] else None})


@cache
def _suite() -> bytes:
    places = sorted(each for found in SUITE for place in ROOT.glob(found) for each in (place, *place.rglob("*")))
    parts = (place.read_bytes() for place in places if place.suffix in (".py", ".json"))
    return hashlib.sha256(b"\0".join(parts)).digest()


def _sources(path: Path, only: tuple[str, ...], turn: int) -> str:
    asked = f"{path.name} {only} {turn}".encode()
    return hashlib.sha256(_suite() + asked + path.read_bytes()).hexdigest()[:16]


def main() -> int:
    """Compare, print a summary, and write it if asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="mutants and variants; all unless given")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--whole", type=int, default=24, help="one mutant of so many runs all checks")
    parser.add_argument("--keep", type=Path, help="comparisons of earlier runs")
    parser.add_argument("--earlier", action="store_true", help="keep comparisons of an earlier suite")
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    tasks, kept = backends(options.names, options.whole), Kept(options.keep, earlier=options.earlier)
    found = sorted(run(tasks, options.jobs, kept), key=lambda one: one.name)
    differing = [one.name for one in found if one.differs]
    summary = {
        "backends": len(found),
        "doors": ["object", *DOORS],
        "by an earlier suite": len(kept.earlier or ()),
        "with all checks": sum(not one.only for one in found),
        "found at minimal": sum(one.size == "minimal" and bool(one.said.status) for one in found),
        "found at default": sum(one.size == "default" and bool(one.said.status) for one in found),
        "accepted": [one.name for one in found if not one.said.status],
        "not seen through files": [one.name for one in found if one.unseen and one.others],
        "differ": [asdict(one) for one in found if one.differs],
        "minutes of two cores": round(sum(one.seconds for one in found) / 60 / options.jobs, 1),
    }
    print(json.dumps(summary, indent=1))
    if options.write:
        options.write.write_text(json.dumps(summary, indent=1) + "\n", "utf-8")
    return int(bool(differing))


if __name__ == "__main__":
    sys.exit(main())
