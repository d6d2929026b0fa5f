"""How early a run finds the wrong backends: the share of a run that is done when a check first fails.

    python benchmarks/order.py [--jobs 2] [--size default] [--write benchmarks/results/order.json]

Each file of ``tests/mutants`` runs until a check fails. The time until then is divided by that of a whole run of the
reference on the same machine, which costs as much as a whole run of a mutant.
"""

from __future__ import annotations

import argparse
import json
import time
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from pathlib import Path

from rich.progress import track

from peerspec.backends import load, reference
from peerspec.conformance import check_backend
from peerspec.conformance.meter import Standing

MUTANTS = Path(__file__).parents[1] / "tests" / "mutants"
NO_LIMIT = float("inf")


class Found(Exception):  # noqa: N818 - ends a run
    """A check failed when this many of all cases were done."""


def stop(standing: Standing) -> None:
    """End the run at the first failure."""
    if standing.failed:
        raise Found(standing.done / standing.total)


@cache
def whole(size: str) -> float:
    """Seconds of a whole run of the reference."""
    check_backend(reference, size="minimal", timeout=NO_LIMIT)  # imports
    started = time.perf_counter()
    check_backend(reference, size=size, timeout=NO_LIMIT)
    return time.perf_counter() - started


def first_failure(path: Path, size: str) -> tuple[str, float, float]:
    """Name, share of the cases and share of the time until the first failure; infinite if the mutant survives."""
    backend, total = load(str(path)), whole(size)
    started = time.perf_counter()
    try:
        check_backend(backend, size=size, timeout=NO_LIMIT, progress=stop)
    except Found as found:
        return path.stem, found.args[0], (time.perf_counter() - started) / total
    return path.stem, NO_LIMIT, NO_LIMIT


def figures(rows: list[tuple[str, float, float]]) -> dict[str, object]:
    """Percentiles over the mutants that are found by a failing check, and the names of the latest."""
    found = [row for row in rows if row[1] < NO_LIMIT]

    def at(share: float, column: int) -> float:
        return round(sorted(float(row[column]) for row in found)[int(share * (len(found) - 1))], 4)

    late = sorted(found, key=lambda row: row[2], reverse=True)[:12]
    return {
        "mutants": len(rows),
        "found in the first tenth of the time": sum(row[2] <= 0.1 for row in found),
        "found in the first tenth of the cases": sum(row[1] <= 0.1 for row in found),
        "share of the time": {name: at(share, 2) for name, share in PERCENTILES.items()},
        "share of the cases": {name: at(share, 1) for name, share in PERCENTILES.items()},
        "latest, by share of the time": {row[0]: round(row[2], 3) for row in late},
        "without a failure": [row[0] for row in rows if row[1] == NO_LIMIT],
    }


PERCENTILES = {"median": 0.5, "90 of 100": 0.9, "99 of 100": 0.99, "all": 1.0}


def main() -> None:
    """Print or write the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--size", choices=("minimal", "default", "full"), default="default")
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    files = sorted(MUTANTS.glob("[!_]*.py"))
    with ProcessPoolExecutor(options.jobs) as pool:
        rows = list(track(pool.map(partial(first_failure, size=options.size), files), "wrong backends", len(files)))
    text = json.dumps({"size": options.size} | figures(rows), indent=1) + "\n"
    if options.write:
        options.write.write_text(text, "utf-8")
    else:
        print(text)


if __name__ == "__main__":
    main()
