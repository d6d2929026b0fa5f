"""Readers that are wrong in every way that the attack must see; they test the attack itself."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

from peerspec.reference import PeerError
from tests.fuzz.inputs import Input
from tests.fuzz.reader import MEMORY
from tests.fuzz.target import Target, Way

__all__ = ["EXPECTED", "FAULTS"]


def _raises(path: Path) -> None:
    raise KeyError(path.name)


def _says_nothing(path: Path) -> None:
    raise PeerError


def _dies(path: Path) -> None:
    os._exit(3)


def _hangs(path: Path) -> None:
    time.sleep(3600)


def _takes_memory(path: Path) -> None:
    bytearray(MEMORY + (1 << 26))


def _shows_a_traceback(path: Path) -> int:
    print("Traceback (most recent call last):\nKeyError: 1", file=sys.stderr)
    return 2


def _prints_an_escape(path: Path) -> int:
    print("\x1b[31mred")
    return 0


def _ends_with_5(path: Path) -> int:
    return 5


def _ends_with_2(path: Path) -> int:
    return 2


def _leaves_a_process(path: Path) -> None:
    subprocess.Popen(["sleep", "600"])


def _changes_its_input(path: Path) -> None:
    path.write_bytes(b"other")


def _removes_another_file(path: Path) -> None:
    (path.parent / "other").unlink()


EXPECTED: dict[Callable[[Path], int | None], str] = {
    _raises: "KeyError",
    _says_nothing: "PeerError without a text",
    _dies: "the process died: 3",
    _hangs: "a hang",
    _takes_memory: "more memory than the limit",
    _shows_a_traceback: "a traceback of KeyError",
    _prints_an_escape: "a control character on the terminal",
    _ends_with_5: "exit status 5",
    _ends_with_2: "status 2 without a word",
    _leaves_a_process: "a process that is left over",
    _changes_its_input: "it changed an input",
    _removes_another_file: "it changed an input",
}
"""What the attack must say of each."""


def mutate(rng: Random, data: bytes) -> Input:
    return Input(data)


FAULTS = Target(
    "faults",
    ".txt",
    lambda: [b"input"],
    mutate,
    tuple(Way(read.__name__, read) for read in EXPECTED),
    lambda folder: (folder / "other").touch(),
)
