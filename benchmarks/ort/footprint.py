"""Peak memory of one evaluation beyond the parameters and x, y and the trace included: a fresh process for each."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import sessions
from peak import watched
from points import Bench, Point, benches

__all__ = ["allowed", "child", "footprint"]

VARIANTS = {
    "native kernel": {"kernels": True},
    "bodies, scan": {"kernels": False, "body": "scan"},
    "bodies, gather": {"kernels": False},
}


def allowed(point: Point) -> int:
    """Bytes of y, the trace, queries and half scores, all stored: what a kernel of stages would take."""
    c = point.config
    return point.tokens * (c.heads * c.top_k * 16 + 8 * c.d_model + 4 * c.heads * (c.d_key + 2 * c.n))


def footprint(points: Sequence[Point]) -> Iterator[list[dict[str, object]]]:
    """Rows of one point after the other."""
    for point in points:
        stored = {"variant": "y, trace, queries and half scores", "beyond": allowed(point)}
        rows: list[dict[str, object]] = [{"variant": name, **_measured(name, point)} for name in VARIANTS]
        yield [{**point.as_row(), **row} for row in [*rows, stored]]


def _measured(name: str, point: Point) -> dict[str, object]:
    sizes = [str(size) for size in (point.n, point.d_model, point.tokens)]
    command = [sys.executable, str(Path(__file__).parent), "--child", name, *sizes]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        return {"absent": "it did not finish: " + done.stderr.strip().splitlines()[-1]}
    return json.loads(done.stdout.splitlines()[-1])


def child(name: str, point: Point) -> None:
    """What the fresh process does: one evaluation of few tokens, and one that is watched."""
    bench = next(benches([point]))
    made = sessions.layer(point, **VARIANTS[name])
    few = Bench(replace(point, tokens=16), bench.params)
    sessions.bound(made, sessions.given(few), {})()
    run = sessions.bound(made, sessions.given(bench), {})
    print(json.dumps(watched(run)[1]))
