"""Peak memory of one forward pass beyond parameters, x and y: a fresh process for each variant.

Read from the kernel as the high-water mark of the resident set, which is reset before the pass.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from forward import VARIANTS, why_not
from points import Bench, Point, benches

__all__ = ["child", "memory"]


def memory(points: Sequence[Point], names: Sequence[str]) -> Iterator[list[dict[str, object]]]:
    """Rows of one point after the other."""
    for point in points:
        yield [
            {**point.as_row(), "variant": name, **_measured(point, name)} for name in names if not why_not(name, point)
        ]


def _measured(point: Point, name: str) -> dict[str, object]:
    here = Path(__file__).parent
    sizes = [str(size) for size in (point.n, point.d_model, point.tokens)]
    command = [sys.executable, str(here), "--child", name, *sizes, "--threads", str(torch.get_num_threads())]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        return {"absent": "it did not finish: " + done.stderr.strip().splitlines()[-1]}
    return json.loads(done.stdout.splitlines()[-1])


def child(name: str, point: Point) -> None:
    """What the fresh process does: one pass on few tokens, and one that is watched."""
    bench = next(benches([point]))
    with torch.inference_mode():
        VARIANTS[name](Bench(replace(point, tokens=16), bench.params))()
        work = VARIANTS[name](bench)
        bench.x  # noqa: B018  # made before the start
        if name.startswith("torch.compile"):
            work()
        before = _status("VmRSS")
        Path("/proc/self/clear_refs").write_text("5")
        y = work()
        peak = _status("VmHWM")
    print(json.dumps({"beyond": max(peak - before - y.numel() * y.element_size(), 0), "before": before}))


def _status(name: str) -> int:
    """A line of /proc/self/status, in bytes."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith(name))
