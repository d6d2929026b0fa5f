"""The conformance suite on the backends for a GPU, each in a process of its own with a limit of time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from book import Row

__all__ = ["BACKENDS", "suite"]

BACKENDS = {"torch-cuda": "peerspec.backends.torch.cuda", "jax-cuda": "peerspec.backends.jax.cuda"}
PROCESSES = 6  # one for each precision
PATIENCE = 10.0
"""Seconds for an interrupted command to end its workers."""
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
    status, words = ended(command, limit)
    row: Row = {"what": backend, "status": status, "seconds": time.perf_counter() - start, "verdict": words[:1]}
    if status:
        row["failed"] = failed_checks(report) or words[:1]
    yield row


def ended(command: list[str], limit: float) -> tuple[int, list[str]]:
    """The status of a command and the lines that it printed; it is interrupted, with its workers, after ``limit`` s."""
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | SHARED
    ) as process:
        try:
            out, errors = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
            try:
                process.communicate(timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
            return 2, [f"no verdict within {limit:.0f} s"]
    return process.returncode, (out or errors).strip().splitlines()


def failed_checks(report: Path) -> list[str]:
    """The checks that did not pass, of a report if there is one."""
    if not report.exists():
        return []
    findings = [row for found in json.loads(report.read_text("utf-8"))["reports"] for row in found["findings"]]
    return sorted({finding["check"] for finding in findings if finding["status"] != "pass"})
