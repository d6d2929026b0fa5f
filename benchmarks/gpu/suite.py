"""The conformance suite on the backends for a GPU, each in a process of its own with a limit of time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from book import Row

__all__ = ["BACKENDS", "suite"]

BACKENDS = {"torch-cuda": "peerspec.backends.torch.cuda", "jax-cuda": "peerspec.backends.jax.cuda"}
PROCESSES = 6  # one for each precision
SHARED = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false", "XLA_FLAGS": "--xla_gpu_autotune_level=0"}
"""JAX would take most of the device's memory for one process, and compile each product in several ways."""


def suite(folder: Path, backend: str, limit: float, *options: str) -> Iterator[Row]:
    """The verdict of `peerspec check`; its whole report is kept beside the figures."""
    report = folder / f"check-{Path(backend).stem}.json"
    command = [sys.executable, "-m", "peerspec", "check", BACKENDS.get(backend, backend), "--size", "minimal"]
    command += ["--json", str(report), "--quiet", *options]
    report.unlink(missing_ok=True)
    if backend in BACKENDS:  # compiling takes most of the time, so several processes share the device
        command += ["-n", str(min(PROCESSES, os.cpu_count() or 1))]
    start = time.perf_counter()
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit, env=os.environ | SHARED)
        status, words = done.returncode, (done.stdout or done.stderr).strip().splitlines()
    except subprocess.TimeoutExpired:
        status, words = None, [f"no verdict within {limit:.0f} s"]
    row: Row = {"what": backend, "status": status, "seconds": time.perf_counter() - start, "verdict": words[:1]}
    if report.exists():
        [found] = json.loads(report.read_text("utf-8"))["reports"]
        failed = sorted({finding["check"] for finding in found["findings"] if finding["status"] != "pass"})
        row |= {"failed": failed} if failed else {}
    yield row
