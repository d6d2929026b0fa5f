"""A run keeps processors free: the judge computes with one thread, and idle threads of a backend sleep."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

BACKEND = """import os
from peerspec.backends.reference import *
from peerspec.backends.reference import profiles
name = " ".join(str(os.environ.get(name)) for name in ("OMP_WAIT_POLICY", "OPENBLAS_NUM_THREADS"))
"""
JUDGE = """import os
from peerspec.cli.threads import load_numpy_with_one
load_numpy_with_one()
import numpy
print(len(os.listdir("/proc/self/task")), os.environ.get("OPENBLAS_NUM_THREADS"))
"""


def printed(arguments: list[str], folder: Path, **settings: str) -> str:
    names = ("OMP_WAIT_POLICY", "OPENBLAS_NUM_THREADS")
    environment = {name: value for name, value in os.environ.items() if name not in names} | settings
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(
    ("settings", "seen"),
    [
        ({}, "PASSIVE None"),
        ({"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE None"),
        ({"OPENBLAS_NUM_THREADS": "2"}, "PASSIVE 2"),
    ],
)
def test_a_backend_has_the_environment_of_the_user_and_threads_that_sleep(tmp_path, settings, seen):
    (tmp_path / "mine.py").write_text(BACKEND, "utf-8")
    arguments = ["-m", "peerspec", "check", "mine.py", "--size", "minimal", "--only", "scores.index", "--quiet"]
    assert printed(arguments, tmp_path, **settings).startswith(f"✓ {seen}: ")


@pytest.mark.skipif(sys.platform != "linux", reason="threads are counted in /proc")
def test_the_judge_computes_with_one_thread_and_leaves_the_environment(tmp_path):
    assert printed(["-c", JUDGE], tmp_path) == "1 None\n"
