"""Processes to which tests send signals."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence

__all__ = ["heeding"]

_SCRIPT = (
    "import os, signal, sys; signal.signal(int(sys.argv[1]), signal.SIG_DFL); os.execvp(sys.argv[2], sys.argv[2:])"
)


def heeding(number: signal.Signals, command: Sequence[str]) -> list[str]:
    """The command of a process that heeds a signal, also where the tests themselves ignore it, as under ``nohup``."""
    if number == signal.SIGKILL:  # which nothing can ignore
        return list(command)
    return [sys.executable, "-c", _SCRIPT, str(int(number)), *command]
