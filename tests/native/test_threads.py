"""The core's own threads: calls at the same time, and processes that were forked."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from peerspec import native

pytestmark = pytest.mark.skipif(not native.available(), reason=native.unavailable_reason() or "the core is there")


def chosen(seed: int) -> bytes:
    """What two threads select from random half scores."""
    first, second = np.random.default_rng(seed).standard_normal((2, 300, 128), np.float32)
    scores, ids = native.select(first, second, 16, threads=2)
    return scores.tobytes() + ids.tobytes()


def test_calls_at_the_same_time_do_not_disturb_one_another():
    alone = [chosen(seed) for seed in range(8)]
    with ThreadPoolExecutor(4) as callers:
        assert list(callers.map(chosen, list(range(8)) * 25)) == alone * 25


def test_a_forked_process_has_threads_of_its_own():
    # in a process that has no threads but the core's, as Python warns of a fork beside others
    program = """
import os, sys
from test_threads import chosen
before = chosen(0)  # so that there are threads, which the fork leaves behind
if not (child := os.fork()):
    os._exit(chosen(0) != before)
sys.exit(os.waitpid(child, 0)[1] or chosen(0) != before)
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parent, timeout=60, check=False)
    assert done.returncode == 0
