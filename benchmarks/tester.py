"""The suite measured: which check catches which wrong backend, and how often a correct backend is accused.

    python benchmarks/tester.py [--seeds 200] [--size minimal] [--jobs 2] [--write docs/tester.md]

Every file of ``tests/mutants`` runs once at the default size, to the end. Every file of ``tests/variants`` runs with
``--seeds`` seeds at ``--size``. The tables go to standard output, or to a file.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from rich.progress import Progress, track

from peerspec.backends import load
from peerspec.conformance import check_backend
from peerspec.reference import SPEC_VERSION

TESTS = Path(__file__).parents[1] / "tests"
NO_LIMIT = float("inf")
"""Seconds a call may take: a busy machine must not cause a false finding."""

NEAR = 0.9
KINK = (
    "`roundings_at_their_worst` is meant to come close to 1. Any other share near 1 is a gradient at a kink of relu:\n"
    "if rounding decides the slope, both slopes are legal, and the bound reaches from one to the other (PRC-4)."
)


def files(folder: str) -> list[Path]:
    """The backends in a folder of tests, without the helpers."""
    return sorted((TESTS / folder).glob("[!_]*.py"))


def caught(path: Path) -> tuple[str, str, str, list[str]]:
    """Name, defect, clause and failing checks of a mutant, in the order of the suite."""
    module = load(str(path))
    report = check_backend(module, size="default")
    checks = list(dict.fromkeys(finding.check for finding in report.of("fail")))
    clause = report.first.clauses[0] if report.first else "survives"
    return path.stem, (module.__doc__ or "").strip().splitlines()[0], clause, checks


def accused(path: Path, seeds: range, size: str) -> tuple[str, int, float, list[str]]:
    """Name, number of runs, largest share of a bound, and false findings of a variant."""
    backend, worst, wrong = load(str(path)), 0.0, []
    for seed in seeds:
        report = check_backend(backend, size=size, seed=seed, timeout=NO_LIMIT)
        wrong += [f"seed {seed}: {finding.check}: {finding.message}" for finding in report.of("fail", "error")]
        inside = (finding.share for finding in report.of("pass") if finding.precision in ("float32", "float64"))
        worst = max(worst, *inside)
    return path.stem, len(seeds), worst, wrong


def matrix(rows: list[tuple[str, str, str, list[str]]]) -> str:
    """The table of wrong backends: defect, broken clause, and every check that catches it."""
    first, every = Counter(row[3][0] for row in rows if row[3]), Counter(check for row in rows for check in row[3])
    lines = [f"{len(rows)} wrong backends, {sum(not row[3] for row in rows)} survive.", ""]
    lines += ["| check | finds first | finds at all |", "|---|---|---|"]
    lines += [f"| `{check}` | {first[check]} | {count} |" for check, count in sorted(every.items())]
    lines += ["", "| wrong backend | defect | clause | caught by |", "|---|---|---|---|"]
    cell = str.maketrans({"|": "\\|"})
    lines += [
        f"| `{name}` | {defect.translate(cell)} | {clause} | {', '.join(f'`{check}`' for check in checks)} |"
        for name, defect, clause, checks in rows
    ]
    return "\n".join(lines)


def alarms(rows: list[tuple[str, int, float, list[str]]], size: str) -> str:
    """The table of correct backends: runs, false findings, and the largest share of a bound."""
    runs, false = sum(row[1] for row in rows), sum(len(row[3]) for row in rows)
    lines = [f"{len(rows)} correct backends, {runs} runs of the {size} size, {false} false findings.", ""]
    lines += [
        "| correct backend | runs | false findings | worst error / bound, float32 and float64 |",
        "|---|---|---|---|",
    ]
    lines += [f"| `{name}` | {count} | {len(wrong)} | {worst:.2f} |" for name, count, worst, wrong in rows]
    lines += ["", KINK] if any(row[2] > NEAR for row in rows) else []
    return "\n".join([*lines, "", *(f"- {row[0]}: {message}" for row in rows for message in row[3])])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--size", choices=("minimal", "default", "full"), default="minimal")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    with ProcessPoolExecutor(options.jobs) as pool:
        mutants = list(track(pool.map(caught, files("mutants")), "wrong backends", len(files("mutants"))))
        with Progress() as progress:
            task = progress.add_task("correct backends", total=len(files("variants")))
            jobs = [pool.submit(accused, path, range(options.seeds), options.size) for path in files("variants")]
            for job in jobs:
                job.add_done_callback(lambda _: progress.advance(task))
            variants = [job.result() for job in jobs]
    right, wrong = alarms(variants, options.size), matrix(mutants)
    command = f"python benchmarks/tester.py --seeds {options.seeds} --size {options.size} --write docs/tester.md"
    text = (
        f"# The tester, tested\n\nSpec {SPEC_VERSION}; written by `{command}`.\n\n"
        f"## Nothing right is accused\n\n{right}\n\n## Nothing wrong passes\n\n{wrong}\n"
    )
    if options.write:
        options.write.write_text(text, "utf-8")
    else:
        print(text)
    return int(any(row[3] for row in variants) or any(not row[3] for row in mutants))


if __name__ == "__main__":
    sys.exit(main())
