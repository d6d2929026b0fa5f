"""Peak memory of one forward pass without parameters, x and y, and of one training step, each in a fresh process."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import step
import torch
from forward import VARIANTS, unavailable_reason
from peak import with_peak
from points import Bench, Point, benches

__all__ = ["child", "memory", "step_memory"]

Rows = list[dict[str, object]]


def memory(points: Sequence[Point], names: Sequence[str]) -> Iterator[Rows]:
    """The rows of each point: forward passes."""
    for point in points:
        runnable = [name for name in names if not unavailable_reason(name, point)]
        yield [{**point.as_row(), "variant": name, **_measured("forward", point, name)} for name in runnable]


def step_memory(points: Sequence[Point]) -> Iterator[Rows]:
    """The rows of each point: training steps."""
    for point in points:
        yield [
            {**point.as_row(), "variant": name, **_measured("step", point, name)}
            for name in step.VARIANTS
            if step.available(name)
        ]


def _measured(part: str, point: Point, name: str) -> dict[str, object]:
    here = Path(__file__).parent
    sizes = [str(size) for size in (point.n, point.d_model, point.tokens)]
    command = [sys.executable, str(here), "--child", part, name, *sizes, "--threads", str(torch.get_num_threads())]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        return {"absent": "it did not finish: " + done.stderr.strip().splitlines()[-1]}
    return json.loads(done.stdout.splitlines()[-1])


def child(part: str, name: str, point: Point) -> None:
    """Run in the fresh process: one pass or step on few tokens, then the measured one."""
    bench = next(benches([point]))
    found = _forward(bench, name) if part == "forward" else _step(bench, name)
    print(json.dumps(found))


def _forward(bench: Bench, name: str) -> dict[str, int]:
    with torch.inference_mode():
        VARIANTS[name](_few(bench))()
        work = VARIANTS[name](bench)
        bench.batches  # noqa: B018  # computed before the measurement
        if name.startswith("torch.compile"):
            work()
        y, found = with_peak(work)
    return found | {"beyond": max(found["beyond"] - y.numel() * y.element_size(), 0)}


def _step(bench: Bench, name: str) -> dict[str, int]:
    """Memory without parameters and the state of the optimiser, whose memory is allocated by writing zeros first."""
    one = step.turn(_few(bench), name)
    one()
    parts = [part for each in one.optimisers for state in each.state.values() for part in state.values()]
    for tensor in filter(torch.is_tensor, parts):
        tensor.zero_()
    one.take(bench)
    return with_peak(one)[1]


def _few(bench: Bench) -> Bench:
    return Bench(replace(bench.point, tokens=16), bench.params)
