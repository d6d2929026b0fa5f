"""The conformance suite over the kernels in Triton's interpreter: torch and JAX, without a GPU.

    python benchmarks/gpu/interpreted.py                    about ten minutes
    python benchmarks/gpu/interpreted.py --write            keep the figures in benchmarks/results/gpu

The exit status is 1 if a check fails. This takes too long for `make test`, which runs some checks of the same kind.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

os.environ["TRITON_INTERPRET"] = "1"  # before Triton is imported

import triton

from peerspec.backends import load
from peerspec.conformance import check_backend
from peerspec.reference import SPEC_VERSION

ROOT = Path(__file__).parents[2]
BACKENDS = {name: ROOT / "tests" / "backends" / "gpu" / f"{name}_interpreted.py" for name in ("torch", "jax")}
RESULTS = ROOT / "benchmarks" / "results" / "gpu" / "interpreted.json"
NO_LIMIT = float("inf")
"""Seconds a call may take: the interpreter is slow and never hangs."""


def judged(name: str, size: str, profiles: list[str] | None) -> dict[str, Any]:
    """The verdict on one backend, with the clauses that fail."""
    sys.path.insert(0, str(BACKENDS[name].parent))
    backend, start = load(str(BACKENDS[name])), time.perf_counter()
    report = check_backend(backend, size=size, profiles=profiles, timeout=NO_LIMIT, progress=shown(name))
    failed = [f"{finding.name}: {finding.message}" for finding in report.of("fail", "error")]
    passed = len(report.of("pass"))
    return {"conformant": not failed, "passed": passed, "failed": failed, "seconds": round(time.perf_counter() - start)}


def shown(name: str) -> Any:
    """Progress: a line for every twentieth of the cases."""
    said = [-1]

    def progress(standing: Any) -> None:
        twentieth = 20 * standing.done // max(1, standing.total)
        if twentieth > said[0]:
            said[0] = twentieth
            words = f"{standing.done} of {standing.total} cases in {standing.seconds:.0f} s"
            print(f"{name}: {words}, {len(standing.failed)} failed", file=sys.stderr, flush=True)

    return progress


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backend", nargs="*", choices=list(BACKENDS), default=list(BACKENDS))
    parser.add_argument("--profile", nargs="*", help="all that the backends claim, by default")
    parser.add_argument("--size", default="minimal", choices=("minimal", "default", "full"))
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    found = {name: judged(name, options.size, options.profile) for name in options.backend}
    for name, row in found.items():
        print(f"{name}: {row['passed']} checks pass, {len(row['failed'])} fail, {row['seconds']} s")
        print(*(f"  {line}" for line in row["failed"]), sep="\n")
    if options.write:
        about = {"spec": SPEC_VERSION, "triton": triton.__version__, "size": options.size, "profiles": options.profile}
        RESULTS.parent.mkdir(parents=True, exist_ok=True)
        RESULTS.write_text(json.dumps({**about, "backends": found}, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return int(any(row["failed"] for row in found.values()))


if __name__ == "__main__":
    sys.exit(main())
