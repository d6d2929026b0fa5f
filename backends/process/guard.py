"""A guard of a process: it ends the process if this one ends first, however that happens, also by SIGKILL.

A guard is a shell that reads a pipe from this process. At its end without a line, the system has closed it because this
process is gone. The guard then kills the group of the process and removes its folder.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from pathlib import Path

__all__ = ["Guard"]

_SCRIPT = """
read -r line && exit
kill -s KILL -- "-$0"
test -n "$1" || exit
PATH=$PATH:/usr/bin:/bin
test -h "$1" || chmod -R u+rwx -- "$1"
rm -rf -- "$1"
"""
"""A folder that may not be written keeps what is in it, so each one gets that right first; a link is not followed."""


class Guard:
    """A guard of the group of a process.

    Args:
        group: the number of the group.
        folder: a folder that belongs to the process, if any.

    Example:
        >>> process = subprocess.Popen(["sleep", "60"], start_new_session=True)
        >>> guard = Guard(process.pid)
        >>> process.kill(); process.wait()
        -9
        >>> guard.release()
    """

    def __init__(self, group: int, folder: Path | None = None) -> None:
        self._shell: subprocess.Popen[bytes] | None = None
        if os.name != "posix":
            return
        with contextlib.suppress(OSError):  # a system without a shell, or without room for one more process
            self._shell = subprocess.Popen(
                ["/bin/sh", "-c", _SCRIPT, str(group), str(folder or "")],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                cwd="/",
            )

    def release(self) -> None:
        """Let the guard go, because the process has ended and its number may belong to another one."""
        if not self._shell or not self._shell.stdin:
            return
        with contextlib.suppress(OSError):
            self._shell.stdin.write(b"\n")
            self._shell.stdin.flush()
            self._shell.stdin.close()
        self._shell.wait()
        self._shell = None
