"""The command ``peerspec``: one file per command. A command imports what it needs when it runs."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from typing import NoReturn

from peerspec.cli.say import say
from peerspec.cli.signals import Ended, ending_in_order
from peerspec.cli.threads import TOO_LITTLE, can_start, leave

__all__ = ["main", "program"]

INTERRUPTED = 130
"""The exit status of a program that the user interrupted, as shells report it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status; print an error as one sentence on standard error."""
    try:
        with ending_in_order():
            from peerspec.cli.entry import run

            return run(arguments)
    except KeyboardInterrupt:
        if not can_start():  # OpenBLAS then interrupts the process while NumPy is imported
            say(TOO_LITTLE)
            return 2
        say("stopped by the user; nothing was decided")
        return INTERRUPTED
    except Ended as ended:
        say(f"ended by {ended.number.name}; nothing was decided")
        return 128 + ended.number


def program() -> NoReturn:
    """Run the command as a process of its own, which does not go on after an interrupt, nor after a further one."""
    try:
        status = main()
    except KeyboardInterrupt:  # a further one, while the first was told
        status = INTERRUPTED
    signal.signal(signal.SIGINT, lambda *_: os._exit(INTERRUPTED))
    leave(status, at_once=status == INTERRUPTED)
