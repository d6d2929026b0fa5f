"""How a call runs: on how many threads, and with which instruction set."""

from __future__ import annotations

import ctypes
import os
from functools import lru_cache
from typing import Any

from peerspec.native.library import NativeError, available, call, unavailable_reason
from peerspec.native.signatures import Run
from peerspec.reference import InputError

__all__ = ["ISAS", "best_isa", "computed_by", "run"]

ISAS = ("plain", "avx2", "avx512")
"""The instruction sets of the core; every processor has the first."""
_BEST = -1


def best_isa() -> str:
    """The best instruction set of this processor, the default of every call.

    Raises:
        NativeError: the core is missing.
    """
    return ISAS[call("peerspec_best_isa")]


def computed_by() -> str:
    """What a backend on the CPU computes with, in one line, and why not with the core where it is missing."""
    return f"the native core ({best_isa()})" if available() else f"library operations: {unavailable_reason()}"


def run(threads: int | None, isa: str | None) -> Any:
    """A reference to a ``peerspec_run``. The defaults are all processors of this process and the best instruction set.

    Raises:
        InputError: fewer than one thread.
        NativeError: an unknown instruction set.
    """
    threads = _processors() if threads is None else threads
    if threads < 1:
        raise InputError(f"threads must be at least 1, got {threads}")
    if isa is not None and isa not in ISAS:
        raise NativeError(f"isa must be one of {', '.join(ISAS)}, got {isa!r}")
    return _by_reference(threads, _BEST if isa is None else ISAS.index(isa))


@lru_cache(maxsize=64)
def _by_reference(threads: int, code: int) -> Any:
    """One structure for all calls that run in the same way; the core only reads it."""
    return ctypes.byref(Run(threads, code))


def _processors() -> int:
    affinity = getattr(os, "sched_getaffinity", None)  # not on macOS
    return len(affinity(0)) if affinity else os.cpu_count() or 1
