"""What the suite starts ends with it, however it ends: a worker, a program, and the processes that they start."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.signals import heeding
from support.unprivileged import unprivileged

from peerspec.backends.process import ProcessBackend, ProcessError
from peerspec.conformance.hosts.fault import Fault
from peerspec.conformance.hosts.worker_host import WorkerHost
from peerspec.reference import Layer, PeerConfig

LAYER = Layer.random(PeerConfig(3, 2, 4, 2, 4, activation="relu"))
X = np.ones((2, 3), np.float32)

HANGS = """
import os, subprocess, time
name, profiles = "liar", ["float32"]
def forward(layer, x, **_):
    child = subprocess.Popen(["sleep", "600"])
    open(PIDS, "w").write(f"{os.getpid()} {child.pid}")
    time.sleep(600)
"""
SUITE = """
import sys
from peerspec.conformance import check_backend
from peerspec.backends.process import Command
backend = sys.argv[1] if len(sys.argv) == 2 else Command(sys.argv[1:])
check_backend(backend, timeout=600)
"""


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_a_worker_that_hangs_ends_with_the_suite(tmp_path: Path, ending: signal.Signals) -> None:
    """As does a process that the worker started."""
    backend, pids = tmp_path / "liar.py", tmp_path / "pids"
    backend.write_text(f"PIDS = {str(pids)!r}\n" + HANGS)
    command = [sys.executable, "-c", SUITE, str(backend)]
    suite = subprocess.Popen(heeding(ending, command), start_new_session=True)
    ended_with(suite, pids, ending)


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_a_program_that_hangs_ends_with_the_suite_and_its_folder_goes(tmp_path: Path, ending: signal.Signals) -> None:
    pids, folder = tmp_path / "pids", tmp_path / "temporary"
    folder.mkdir()
    script = f"sleep 600 & echo $$ $! > {pids}.part; mv {pids}.part {pids}; sleep 600"
    environment = os.environ | {"TMPDIR": str(folder)}
    command = [sys.executable, "-c", SUITE, "sh", "-c", script]
    suite = subprocess.Popen(heeding(ending, command), start_new_session=True, env=environment)
    ended_with(suite, pids, ending)
    until(lambda: not list(folder.iterdir()))


ENDS_FIRST = """
import os, subprocess
name, profiles = "liar", ["float32"]
def forward(layer, x, **_):
    child = subprocess.Popen(["sleep", "600"], close_fds=CLOSES)
    open(PIDS, "w").write(f"{child.pid} {child.pid}")
    os._exit(3)
"""


@pytest.mark.parametrize("closes", [True, False], ids=["alone", "with the pipes"])
def test_what_a_worker_started_ends_with_it_and_its_end_is_seen_at_once(tmp_path: Path, closes: bool) -> None:
    backend, pids = tmp_path / "liar.py", tmp_path / "pids"
    backend.write_text(f"PIDS, CLOSES = {str(pids)!r}, {closes}\n" + ENDS_FIRST)
    began = time.monotonic()
    with WorkerHost(str(backend), timeout=300) as host, pytest.raises(Fault, match="exit status 3"):
        host.call("forward", {"layer": LAYER, "x": X})
    assert time.monotonic() - began < 60
    until(lambda: not any(lives(int(pid)) for pid in pids.read_text().split()))


def test_the_end_of_a_program_is_seen_at_once_although_what_it_started_lives_on(tmp_path: Path) -> None:
    began = time.monotonic()
    script = f"sleep 600 & echo $! > {tmp_path / 'pid'}; exit 3"
    with pytest.raises(ProcessError, match=r"ended during start \(exit status 3\)"):
        ProcessBackend(["sh", "-c", script], start_timeout=300)
    assert time.monotonic() - began < 60
    until(lambda: not lives(int((tmp_path / "pid").read_text())))


@pytest.mark.parametrize("left", ["a folder without rights", "a link"])
def test_the_folder_of_a_program_goes_with_a_killed_suite_whatever_is_in_it(tmp_path: Path, left: str) -> None:
    """Also without a PATH; the target of a link in its place stays as it is."""
    pids, folder, kept = (tmp_path / name for name in ("pids", "temporary", "kept"))
    folder.mkdir()
    kept.mkdir(0o555)
    swap = f'rmdir "$1"; ln -s {kept} "$1"'
    fill = 'mkdir "$1/inner"; touch "$1/inner/file"; chmod 555 "$1/inner"'
    script = f"set {folder}/*; {swap if left == 'a link' else fill}; sleep 600 & echo $$ $! > {pids}; sleep 600"
    environment = os.environ | {"TMPDIR": str(folder), "PATH": "/nonexistent"}
    command = ["/bin/sh", "-c", f"PATH={os.environ['PATH']}; {script}"]
    suite = subprocess.Popen(
        unprivileged([sys.executable, "-c", SUITE, *command]), start_new_session=True, env=environment
    )
    ended_with(suite, pids, signal.SIGKILL)
    until(lambda: not list(folder.iterdir()))
    assert kept.stat().st_mode & 0o777 == 0o555


def ended_with(suite: subprocess.Popen[bytes], pids: Path, ending: signal.Signals) -> None:
    try:
        until(lambda: pids.exists() and len(pids.read_text().split()) == 2)
        found = [int(pid) for pid in pids.read_text().split()]
        assert all(map(lives, found))
        suite.send_signal(ending)
        suite.wait(10)
        until(lambda: not any(map(lives, found)))
    finally:
        suite.kill()
        suite.wait()


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    return not (status.exists() and status.read_text().rpartition(")")[2].split()[0] == "Z")


def until(holds: Any, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.05)
