"""Mutants by operator: changes the sources of two implementations, and counts which changes the suite finds.

    python benchmarks/mutation                          all mutants; figures go to benchmarks/results/mutation.json
    python benchmarks/mutation --only mask tail         the mutants of some operators
    python benchmarks/mutation --sample 200             200 mutants, spread evenly over all
    python benchmarks/mutation --fresh                  without the trials that an earlier run has kept
    python benchmarks/mutation --earlier                explained survivors of before at the minimal size alone

Each mutant runs at the minimal size, in a process of its own, to its first finding, and if it survives at the default
size. Trials are kept in ``benchmarks/results/mutation``: an interrupted run goes on where it ended, also on another
machine, and after a change of the suite only survivors run again. These are minutes each, and most compute the same
function as the source, which no suite can find: ``--earlier`` takes from the last results that they survive the default
size, if they are explained and survive the minimal size again. The exit status is 1 if a survivor is not explained in
``equivalent.json``, or an explanation names no survivor.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

# One thread for each process: mutants run side by side.
THREADS = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
if any(os.environ.get(name) != value for name, value in THREADS.items()):
    os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | THREADS)

from books import Books, explanations, last_survivors  # noqa: E402
from kept import Kept, suite  # noqa: E402
from mutant import Mutant  # noqa: E402
from operators import OPERATORS  # noqa: E402
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: E402
from targets import TARGETS, all_mutants  # noqa: E402
from trials import SURVIVED, Trial, judged_by_suite, run_trials  # noqa: E402

from peerspec.reference import SPEC_VERSION  # noqa: E402

EXPLANATIONS = Path(__file__).parent / "equivalent.json"
RESULTS = Path(__file__).parents[1] / "results" / "mutation.json"
KEPT = RESULTS.parent / "mutation"
LINES = 50
"""Mutants between two lines of progress where there is no terminal."""


def chosen(options: argparse.Namespace) -> tuple[list[Mutant], bool]:
    """The mutants of a run, and whether they are all."""
    every = all_mutants()
    found = [m for m in every if m.operator in options.only and m.target in options.target]
    if options.sample:
        step = max(1, len(found) // options.sample)
        found = found[::step]
    return found, len(found) == len(every)


def tried(mutants: list[Mutant], options: argparse.Namespace) -> list[Trial]:
    """The trials in the order of the mutants: all at the minimal size, then what survives at the size that is asked."""
    explained = explanations(EXPLANATIONS)
    kept = Kept(KEPT / f"{options.size}.jsonl", suite())
    known, missing = ([], mutants) if options.fresh else kept.split(mutants)
    found = {id(trial.mutant): trial for trial in known}
    missing = sorted(missing, key=lambda mutant: mutant.key in explained)  # most of the others end early
    survived_before = explained.keys() & last_survivors(RESULTS) if options.earlier else ()
    for size in dict.fromkeys(("minimal", options.size)):
        for trial in shown(missing, size, options):
            if trial.found != SURVIVED or size == options.size:
                found[id(trial.mutant)] = trial
                kept.add(trial)
            elif trial.mutant.key in survived_before:
                found[id(trial.mutant)] = replace(trial, earlier=True)
        missing = [mutant for mutant in missing if id(mutant) not in found]
    return [found[id(mutant)] for mutant in mutants]


def shown(mutants: list[Mutant], size: str, options: argparse.Namespace) -> Iterator[Trial]:
    """Trials at one size, with progress and an estimate."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    survived = 0
    with Progress(*columns) as progress:
        task = progress.add_task(f"{size}: 0 survive", total=len(mutants))
        trials = run_trials(mutants, judged_by_suite(size), jobs=options.jobs, limit=options.limit)
        for number, trial in enumerate(trials, 1):
            survived += trial.found == SURVIVED
            progress.update(task, advance=1, description=f"{size}: {survived} survive")
            if not progress.console.is_terminal and number % LINES == 0:
                print(f"{size}: {number} of {len(mutants)}, {survived} survive", file=sys.stderr, flush=True)
            yield trial


def described(m: Mutant) -> str:
    return f"{m.file}:{m.line} {m.function} | {m.text} | {m.operator}: {m.change}"


def show(books: Books) -> None:
    """Figures by operator, then what is missing."""
    for name, row in books.operators().items():
        print(f"{name:<12}", *(f"{count:>5} {what}" for what, count in row.items()))
    for trial in books.unexplained:
        print(f"not explained: {described(trial.mutant)}")
    for key in books.left_over:
        print("explained, but does not survive:", *key, sep=" | ")


def options_of(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=list(OPERATORS), default=list(OPERATORS))
    parser.add_argument("--target", nargs="+", choices=list(TARGETS), default=list(TARGETS))
    parser.add_argument("--sample", type=int, help="about this many mutants")
    parser.add_argument("--fresh", action="store_true")
    parser.add_argument("--earlier", action="store_true", help="explained survivors at the minimal size alone")
    parser.add_argument("--size", choices=("minimal", "default", "full"), default="default")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--limit", type=float, default=300.0, help="seconds for one mutant")
    parser.add_argument("--write", type=Path, help=f"the file of results; of a whole run {RESULTS.name}")
    return parser.parse_args(arguments)


def main() -> int:
    options = options_of()
    mutants, whole = chosen(options)
    books = Books(tried(mutants, options), explanations(EXPLANATIONS), whole)
    show(books)
    if path := options.write or (RESULTS if whole else None):
        facts = {"spec": SPEC_VERSION, "size": options.size, "seed": 0}
        path.write_text(json.dumps(books.as_json(**facts), indent=1, ensure_ascii=False) + "\n", "utf-8")
    return int(not books.balanced)


if __name__ == "__main__":
    sys.exit(main())
