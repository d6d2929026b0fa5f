"""Whether a process has ended, and why, in words."""

from __future__ import annotations

import os
import subprocess
from typing import Any

__all__ = ["exit_reason", "has_ended"]

_SIGKILL = -9


def has_ended(process: subprocess.Popen[Any]) -> bool:
    """Whether a process has ended. Its number stays its own, so that its group can still be killed, until ``wait``.

    Example:
        >>> process = subprocess.Popen(["sleep", "60"])
        >>> has_ended(process)
        False
        >>> process.kill(); process.wait()
        -9
    """
    if process.returncode is not None or os.name != "posix":
        return process.poll() is not None
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def exit_reason(code: int) -> str:
    """Why a process ended, by its return code in ``subprocess``.

    Example:
        >>> exit_reason(3), exit_reason(-11)
        ('exit status 3', 'killed by signal 11')
        >>> exit_reason(-9)
        'killed by signal 9, as a system does when memory runs out'
    """
    if code >= 0:
        return f"exit status {code}"
    return f"killed by signal {-code}{', as a system does when memory runs out' if code == _SIGKILL else ''}"
