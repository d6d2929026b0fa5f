"""The most memory that a piece of work takes, read from the kernel as the high-water mark of the resident set."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["watched"]


def watched(work: Callable[[], Any]) -> tuple[Any, dict[str, int]]:
    """What the work returns, and the bytes that stood before it and that were added at most."""
    before = _status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")
    result = work()
    return result, {"beyond": max(_status("VmHWM") - before, 0), "before": before}


def _status(name: str) -> int:
    """A line of /proc/self/status, in bytes."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith(name))
