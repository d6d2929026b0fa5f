"""Processes to which tests send signals."""

from __future__ import annotations

import signal

__all__ = ["heeds"]


def heeds(number: signal.Signals) -> None:
    """Let a new process heed a signal, also where the tests themselves ignore it, as under ``nohup``."""
    if number != signal.SIGKILL:  # which nothing can ignore
        signal.signal(number, signal.SIG_DFL)
