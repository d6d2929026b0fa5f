"""A system that starts no more threads, and threads that still compute when the command ends."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from peerspec.cli import main
from peerspec.cli.threads import TOO_LITTLE, can_start
from peerspec.reference import Layer, PeerConfig

SENTENCE = f"peerspec: {TOO_LITTLE}\n"


@pytest.fixture
def layer(tmp_path: Path) -> Path:
    Layer.random(PeerConfig(6, 2, 16, 3, 4)).save(tmp_path / "layer.safetensors")
    return tmp_path / "layer.safetensors"


@pytest.fixture
def no_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise RuntimeError("can't start new thread")

    for name in ("_start_new_thread", "_start_joinable_thread"):  # the second since Python 3.13
        monkeypatch.setattr(threading, name, refused, raising=False)


@pytest.mark.usefixtures("no_threads")
def test_a_command_of_one_thread_goes_on_without_signs_of_life(peerspec, layer):
    result = peerspec("layers", layer)
    assert (result.status, result.err) == (0, "")


NEEDS = """
import sys, threading
def refused(*_, **__): raise RuntimeError("can't start new thread")
threading._start_new_thread = threading._start_joinable_thread = refused
from peerspec.cli import main
sys.exit(main(["check", "reference", "-q"]))
"""


def test_a_command_that_needs_a_thread_says_so():
    done = subprocess.run([sys.executable, "-c", NEEDS], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", SENTENCE)


def test_too_little_memory_is_one_sentence(peerspec, layer, monkeypatch):
    def refused(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr("peerspec.reference.list_layers", refused)
    result = peerspec("layers", layer)
    assert (result.status, result.out, result.err) == (2, "", SENTENCE)


@pytest.mark.usefixtures("no_threads")
def test_an_interrupt_by_a_library_without_threads_is_not_taken_for_one_by_the_user(monkeypatch, capsys):
    class Interrupted:
        def __getattr__(self, name: str) -> None:
            raise KeyboardInterrupt

    monkeypatch.setitem(sys.modules, "peerspec.cli.entry", Interrupted())
    assert not can_start()
    assert main(["check", "reference"]) == 2
    assert capsys.readouterr().err == SENTENCE


LEAVE = """
import atexit, sys, threading, time
from peerspec.cli.threads import leave
atexit.register(print, "at the end")
if sys.argv[1] == "computing":
    threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
print("output")
leave(3, at_once=sys.argv[1] == 'interrupted')
"""


@pytest.mark.parametrize(
    ("state", "output"), [("computing", "output\n"), ("interrupted", "output\n"), ("idle", "output\nat the end\n")]
)
def test_a_process_in_which_something_computes_ends_at_once_with_all_its_output(state, output):
    done = subprocess.run([sys.executable, "-c", LEAVE, state], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (3, output, "")


FURTHER = """
import atexit, os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
import peerspec.cli
peerspec.cli.main = lambda: 0
atexit.register(os.kill, os.getpid(), signal.SIGINT)
peerspec.cli.program()
"""
"""An interrupt after the command."""
TOLD = """
import peerspec.cli
class Interrupted:
    def __getattr__(self, name): raise KeyboardInterrupt
def say(text): raise KeyboardInterrupt
import sys
sys.modules["peerspec.cli.entry"], peerspec.cli.say = Interrupted(), say
peerspec.cli.program()
"""
"""One while another is told."""


@pytest.mark.parametrize("moment", ["told", "ends"])
def test_a_further_interrupt_is_no_traceback(moment):
    code = FURTHER if moment == "ends" else TOLD
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")
