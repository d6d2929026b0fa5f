"""Sentences on standard error."""

from __future__ import annotations

import sys

from peerspec.files.shown import printable

__all__ = ["say"]


def say(text: str) -> None:
    """Print a sentence on standard error, in one line that is harmless to a terminal."""
    print("peerspec:", printable(" ".join(text.split())), file=sys.stderr)
