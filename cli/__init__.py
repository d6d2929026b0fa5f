"""The command ``peerspec``: one file per command. A command imports what it needs when it runs."""

from __future__ import annotations

from collections.abc import Sequence

from peerspec.cli.say import say
from peerspec.cli.signals import Ended, ending_in_order

__all__ = ["main"]

INTERRUPTED = 130
"""The exit status of a program that the user interrupted, as shells report it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status; print an error as one sentence on standard error."""
    try:
        with ending_in_order():
            from peerspec.cli.entry import run

            return run(arguments)
    except KeyboardInterrupt:
        say("stopped by the user; nothing was decided")
        return INTERRUPTED
    except Ended as ended:
        say(f"ended by {ended.number.name}; nothing was decided")
        return 128 + ended.number
