"""The example of a layer over several processes runs, and goes on with another number of processes."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from peerspec.reference import Layer

PROGRAM = Path(__file__).parents[2] / "examples" / "sharded" / "train.py"


def run(folder: Path, processes: int, steps: int) -> list[float]:
    words = ["-m", "torch.distributed.run", "--nproc-per-node", str(processes), str(PROGRAM), str(folder)]
    done = subprocess.run(
        [sys.executable, *words, "--steps", str(steps), "--num-experts", "1024"],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = [(int(step), float(loss)) for step, loss in re.findall(r"step (\d+): loss ([\d.]+)", done.stdout)]
    assert [step for step, _ in found] == list(range(steps - len(found) + 1, steps + 1))
    return [loss for _, loss in found]


def test_a_job_learns_and_goes_on_with_more_processes(tmp_path: Path) -> None:
    first = run(tmp_path, 2, 20)
    (tmp_path / "step-30.part").mkdir()  # as if it had ended while it wrote
    second = run(tmp_path, 3, 25)
    assert (len(first), len(second)) == (20, 5)
    assert first[-1] < 0.8 * first[0]
    assert second[0] < 0.8 * first[0]
    assert Layer.load(tmp_path / "layer.safetensors").config.num_experts == 1024
