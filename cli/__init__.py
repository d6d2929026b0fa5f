"""The command ``peerspec``: one file per command. A command imports what it needs when it runs."""

from __future__ import annotations

import sys
from collections.abc import Sequence

__all__ = ["main"]

INTERRUPTED = 130
"""The exit status of a program that the user interrupted, as shells report it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status; print an error as one sentence on standard error."""
    try:
        from peerspec.cli.entry import run

        return run(arguments)
    except KeyboardInterrupt:
        print("peerspec: stopped by the user; nothing was decided", file=sys.stderr)
        return INTERRUPTED
