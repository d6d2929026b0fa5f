"""Peak memory of a function: the high-water mark of the resident set, from the kernel."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["with_peak"]


def with_peak(work: Callable[[], Any]) -> tuple[Any, dict[str, int]]:
    """The result of ``work``, the bytes in use before it, and the peak of the additional bytes."""
    before = _status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")
    result = work()
    return result, {"beyond": max(_status("VmHWM") - before, 0), "before": before}


def _status(name: str) -> int:
    """One line of /proc/self/status, in bytes."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith(name))
