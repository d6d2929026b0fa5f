"""What the machine can do at most, by the C++ in machine.cpp: multiply-adds per second, and the fastest gather.

    python benchmarks/cpu/machine.py

prints the peak rates of each instruction set on one thread and on all.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from peerspec import native

__all__ = ["peak", "read_rows"]

TRIALS = 3
"""Two threads may share a processor for a while."""
FLAGS = ["-O3", "-std=c++17", "-fPIC", "-shared", "-fopenmp", "-ffp-contract=fast"]


def peak(isa: str, threads: int) -> float:
    """Operations per second, the best of some trials; a fused multiply-add counts as two."""
    _require(isa)
    return max(float(_library().machine_peak(native.ISAS.index(isa), threads)) for _ in range(TRIALS))


def read_rows(
    u: NDArray[np.float32], v: NDArray[np.float32], ids: NDArray[np.int64], *, threads: int, isa: str | None = None
) -> None:
    """Read the rows of ids [T, K] from both tables [N, D], with D a multiple of 16 up to 4096, and only add them."""
    isa = native.best_isa() if isa is None else isa
    _require(isa)
    if u.shape[1] % 16 or u.shape[1] > 4096 or u.shape != v.shape:
        raise ValueError(f"the tables must have one width, a multiple of 16 up to 4096, got {u.shape} and {v.shape}")
    addresses = (u.ctypes.data, v.ctypes.data, u.shape[1], ids.ctypes.data)
    _library().machine_gather(native.ISAS.index(isa), threads, *addresses, *ids.shape)


def _require(isa: str) -> None:
    if native.ISAS.index(isa) > native.ISAS.index(native.best_isa()):
        raise ValueError(f"this processor has no {isa}; its best instruction set is {native.best_isa()}")


@cache
def _library() -> ctypes.CDLL:
    """The library, compiled once for each process."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "machine.so"
        source = Path(__file__).with_name("machine.cpp")
        subprocess.run([os.environ.get("CXX", "c++"), *FLAGS, str(source), "-o", str(path)], check=True)
        library = ctypes.CDLL(str(path))
    library.machine_peak.restype = ctypes.c_double
    library.machine_peak.argtypes = [ctypes.c_int32] * 2
    library.machine_gather.restype = None
    library.machine_gather.argtypes = [
        *[ctypes.c_int32] * 2,
        *[ctypes.c_void_p] * 2,
        ctypes.c_int64,
        ctypes.c_void_p,
        *[ctypes.c_int64] * 2,
    ]
    return library


if __name__ == "__main__":
    for isa in native.ISAS[: native.ISAS.index(native.best_isa()) + 1]:
        rates = [f"threads {threads}: {peak(isa, threads) / 1e9:.0f} GFLOP/s" for threads in (1, os.cpu_count() or 1)]
        print(f"{isa:8}", *rates, sep="  ")
