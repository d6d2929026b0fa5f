"""The threads of the core: calls at the same time, and forked processes."""

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
    """The selection of two threads from random half scores."""
    first, second = np.random.default_rng(seed).standard_normal((2, 300, 128), np.float32)
    scores, ids = native.select(first, second, 16, threads=2)
    return scores.tobytes() + ids.tobytes()


def test_calls_at_the_same_time_do_not_affect_each_other():
    alone = [chosen(seed) for seed in range(8)]
    with ThreadPoolExecutor(4) as callers:
        assert list(callers.map(chosen, list(range(8)) * 25)) == alone * 25


def test_a_forked_process_starts_new_threads():
    # in a process with no other threads, because Python warns of a fork if there are any
    program = """
import os, sys
from test_threads import chosen
before = chosen(0)  # starts threads, which the child does not have
if not (child := os.fork()):
    os._exit(chosen(0) != before)
sys.exit(os.waitpid(child, 0)[1] or chosen(0) != before)
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parent, timeout=60, check=False)
    assert done.returncode == 0


def test_the_library_stays_in_memory_when_it_is_unloaded_after_its_threads_have_started():
    program = """
import _ctypes, time
from peerspec.native import library
from test_threads import chosen
before = chosen(0)
core = library._library()
_ctypes.dlclose(core._handle)
time.sleep(0.1)  # the threads of the core still wait in its code
assert chosen(0) == before
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parent, timeout=60, check=False)
    assert done.returncode == 0
