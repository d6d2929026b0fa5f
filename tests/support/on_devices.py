"""Runs a program on several devices of the CPU, in a process of its own: JAX counts devices when it starts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from peerspec import native

__all__ = ["on_devices"]

FAST = "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1"
"""Small programs that run once are compiled in a third of the time."""


def on_devices(count: int, program: Path, *, core: bool) -> Any:
    """What a program prints as JSON; it imports the backend with the core or without."""
    if core and not native.available():
        pytest.skip(f"needs the native core: {native.unavailable_reason()}")
    own = {"XLA_FLAGS": f"--xla_force_host_platform_device_count={count} {FAST}", "PEERSPEC_JAX_CORE": str(int(core))}
    command = [sys.executable, program]
    done = subprocess.run(command, env=os.environ | own, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)
