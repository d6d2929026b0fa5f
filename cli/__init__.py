"""The command ``peerspec``: one file per command; what a command needs is imported when it runs."""

from __future__ import annotations

import sys
from collections.abc import Sequence

__all__ = ["main"]

INTERRUPTED = 130
"""What shells report for a program that the user stopped."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status; errors become one sentence on standard error."""
    try:
        from peerspec.cli.entry import run

        return run(arguments)
    except KeyboardInterrupt:
        print("peerspec: stopped by the user; nothing was decided", file=sys.stderr)
        return INTERRUPTED
