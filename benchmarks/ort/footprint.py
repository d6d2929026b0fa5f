"""Peak memory of one evaluation, with y and the routing, without parameters and x, each in a fresh process."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import sessions
from peak import with_peak
from points import Bench, Point, benches

__all__ = ["child", "footprint", "stored_bytes"]

VARIANTS = {
    "native kernel": {"kernels": True},
    "bodies, scan": {"kernels": False, "body": "scan"},
    "bodies, gather": {"kernels": False},
}


def stored_bytes(point: Point) -> int:
    """The bytes of y, routing, queries and half scores, which kernels of single stages would store."""
    c = point.config
    return point.tokens * (c.heads * c.top_k * 16 + 8 * c.d_model + 4 * c.heads * (c.d_key + 2 * c.n))


def footprint(points: Sequence[Point]) -> Iterator[list[dict[str, object]]]:
    """The rows of each point."""
    for point in points:
        stored = {"variant": "y, routing, queries and half scores", "beyond": stored_bytes(point)}
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
    """Run in the fresh process: one evaluation of few tokens, then the measured one."""
    bench = next(benches([point]))
    made = sessions.layer(point, **VARIANTS[name])
    few = Bench(replace(point, tokens=16), bench.params)
    sessions.bound(made, sessions.given(few), {})()
    run = sessions.bound(made, sessions.given(bench), {})
    print(json.dumps(with_peak(run)[1]))
