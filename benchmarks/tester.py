"""The suite measured: which check catches which wrong backend, and how often a correct backend is accused.

    python benchmarks/tester.py [--seeds 200] [--wide 6] [--jobs 2] [--write docs/tester.md]

Every file of ``tests/mutants`` runs once at the default size, to its first finding, which goes to
``benchmarks/results/mutants.json``: the tests look up there which check must find it. Every file of
``tests/variants`` runs with ``--seeds`` seeds, each in one of its precisions in turn: the first ``--wide`` seeds at the
default size, the others at the minimal. The page goes to standard output, or to a file. Finished runs are kept in
``--kept``, by default in ``benchmarks/results/tester``: an interrupted sweep goes on where it ended, also on another
machine, until the suite or the backends change. ``--earlier`` takes runs also from before such a change, and the page
says so.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sensitivity import STAGES, finest
from tester_page import Figures, page
from tester_runs import ROOT, Kept, Task, caught, files, run_tasks, summary, tried

from peerspec.files.atomic_file import write_atomically
from peerspec.reference import SPEC_VERSION

RESULTS = ROOT / "benchmarks" / "results"
MUTANTS = RESULTS / "mutants.json"
OTHER_SWEEPS = ("mutation", "doors", "order")
"""Sweeps of commands of their own, whose results the page shows too."""
NAMES = {"query": "a query", "scores": "a score", "gates": "a gate", "weights": "an expert", "gradients": "a gradient"}


def smallest_errors(_: Task) -> dict[str, Any]:
    """The finest scaling by 1 + 2⁻ᵏ of each stage that the suite finds in float32: k by stage."""
    return {NAMES.get(stage, stage): finest("float32", stage, None) for stage in STAGES}


def by_backend(tasks: Sequence[Task], results: Sequence[dict[str, Any]]) -> Figures:
    """For each variant what its file says of it, the number of runs, the largest share, and all false findings."""
    found: Figures = {}
    for (path, _, _), result in zip(tasks, results, strict=True):
        row = found.setdefault(path.stem, {"way": summary(path), "runs": 0, "share": 0.0, "false": []})
        row["runs"] += 1
        row["share"] = max(row["share"], result["share"])
        row["false"] += result.get("false", [])
    return found


def read(path: Path) -> Any:
    """The results of a sweep; None if there are none."""
    return json.loads(path.read_text("utf-8")) if path.exists() else None


def options_of() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--wide", type=int, default=6, help="seeds of them at the default size")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--kept", type=Path, default=RESULTS / "tester", help="folder of finished runs")
    parser.add_argument("--earlier", action="store_true", help="keep runs of an earlier suite")
    parser.add_argument("--write", type=Path)
    return parser.parse_args()


def main() -> int:
    options = options_of()
    kept_wrong, kept_right = (Kept(options.kept, name, earlier=options.earlier) for name in ("mutants", "variants"))
    mutants = [(path, 0, "default") for path in files("mutants")]
    sizes = ["default" if seed < options.wide else "minimal" for seed in range(options.seeds)]
    variants = [(path, seed, size) for seed, size in enumerate(sizes) for path in files("variants")]
    results = run_tasks("wrong backends", caught, mutants, kept_wrong, options.jobs)
    wrong = {path.stem: {"defect": summary(path)} | row for (path, _, _), row in zip(mutants, results, strict=True)}
    write_atomically(MUTANTS, (json.dumps(wrong, indent=1, ensure_ascii=False) + "\n").encode())
    right = by_backend(variants, run_tasks("correct backends", tried, variants, kept_right, options.jobs))
    [errors] = run_tasks("smallest errors", smallest_errors, [(Path("sensitivity.py"), 0, "default")], kept_right, 1)
    others = {name: read(RESULTS / f"{name}.json") for name in OTHER_SWEEPS}
    command = f"python benchmarks/tester.py --seeds {options.seeds} --wide {options.wide} --write docs/tester.md"
    suites = [f"by {'an earlier state of the' if k.is_earlier else 'this'} suite" for k in (kept_wrong, kept_right)]
    text = page(SPEC_VERSION, command, wrong, right, others, errors, sizes.count("default"), suites)
    if options.write:
        options.write.write_text(text, "utf-8")
    else:
        print(text)
    return int(any(row["false"] for row in right.values()) or not all(row["check"] for row in wrong.values()))


if __name__ == "__main__":
    sys.exit(main())
