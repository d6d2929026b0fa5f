"""The command ``peerspec``: one file per command; what a command needs is imported when it runs."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status; errors become one sentence on standard error."""
    from peerspec.cli.entry import run

    return run(arguments)
