"""The compiled core: found beside this package, loaded with ctypes, or the reason why not.

The extension is optional: without a C++ compiler an installation succeeds and lacks it. It is no Python module, only a
shared library that the build puts where modules are found, so it serves every Python version.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
from functools import cache
from typing import Any

from peerspec.reference import InputError, PeerError

__all__ = [
    "ISAS",
    "Experts",
    "NativeError",
    "Router",
    "available",
    "best_isa",
    "call",
    "handler",
    "require",
    "run",
    "unavailable_reason",
]

ISAS = ("plain", "avx2", "avx512")
"""Instruction sets of the core; the first exists everywhere."""

_NAME = "peerspec.native._core"
_INTERFACE = 3
"""``PEERSPEC_INTERFACE`` of ``include/peerspec_native.h``: an older build must not be called with newer arguments."""

_Task = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)
_ForEach = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, _Task, ctypes.c_void_p)


class NativeError(PeerError):
    """The native core is missing, or was asked for what it does not do."""


class Run(ctypes.Structure):
    """``peerspec_run``: threads, level, and a thread pool of the caller's, which Python never has."""

    _fields_ = (
        ("threads", ctypes.c_int32),
        ("isa", ctypes.c_int32),
        ("for_each", _ForEach),
        ("pool", ctypes.c_void_p),
    )


class Experts(ctypes.Structure):
    """``peerspec_experts``: format, activation, sizes, and the addresses of tables and scales."""

    _fields_ = (
        ("format", ctypes.c_int32),
        ("activation", ctypes.c_int32),
        ("num_experts", ctypes.c_int64),
        ("d_model", ctypes.c_int64),
        ("d_out", ctypes.c_int64),
        ("u", ctypes.c_void_p),
        ("v", ctypes.c_void_p),
        ("w", ctypes.c_void_p),
        ("u_scales", ctypes.c_void_p),
        ("v_scales", ctypes.c_void_p),
        ("w_scales", ctypes.c_void_p),
    )


class Router(ctypes.Structure):
    """``peerspec_router``: format, gate, sizes, and the addresses of what leads to the experts."""

    _fields_ = (
        ("format", ctypes.c_int32),
        ("gate", ctypes.c_int32),
        *((size, ctypes.c_int64) for size in ("d_model", "heads", "d_key", "key_heads", "n", "k")),
        *((table, ctypes.c_void_p) for table in ("weight", "bias", "keys")),
    )


_RUN, _EXPERTS, _ROUTER = ctypes.POINTER(Run), ctypes.POINTER(Experts), ctypes.POINTER(Router)
_ARRAY, _SIZE, _CODE, _NUMBER = ctypes.c_void_p, ctypes.c_int64, ctypes.c_int32, ctypes.c_double

_SIGNATURES: dict[str, tuple[type, ...]] = {
    "peerspec_interface": (),
    "peerspec_best_isa": (),
    "peerspec_select": (_RUN, _CODE, *[_SIZE] * 3, *[_ARRAY] * 4),
    "peerspec_query": (_RUN, _ROUTER, _SIZE, *[_ARRAY] * 2),
    "peerspec_retrieve": (_RUN, _ROUTER, _SIZE, *[_ARRAY] * 3),
    "peerspec_retrieve_backward": (_RUN, _ROUTER, _SIZE, *[_ARRAY] * 5),
    "peerspec_gates": (_RUN, *[_CODE] * 2, *[_SIZE] * 2, *[_ARRAY] * 2),
    "peerspec_forward": (_RUN, _ROUTER, _EXPERTS, _SIZE, *[_ARRAY] * 5),
    "peerspec_expert_stage": (_RUN, _EXPERTS, *[_SIZE] * 2, *[_ARRAY] * 4),
    "peerspec_expert_stage_backward": (_RUN, _EXPERTS, *[_SIZE] * 2, *[_ARRAY] * 9),
    "peerspec_gather_sum": (_RUN, _CODE, *[_SIZE] * 4, *[_ARRAY] * 4),
    "peerspec_sort_ids": (*[_SIZE] * 2, *[_ARRAY] * 5),
    "peerspec_update_rows": (_RUN, *[_CODE] * 2, *[_SIZE] * 3, *[_ARRAY] * 5, *[_NUMBER] * 4, _SIZE),
    "peerspec_scatter_sum": (_RUN, _CODE, *[_SIZE] * 3, *[_ARRAY] * 5),
    "peerspec_scatter_update": (_RUN, *[_CODE] * 2, *[_SIZE] * 4, *[_ARRAY] * 8, *[_NUMBER] * 4, _SIZE),
}
"""The functions of ``include/peerspec_native.h``; all return an int32."""

_FAULTS = {
    1: "an expert id lies outside 0..N-1; ids must come from a selection over these tables (IDX-1)",
    2: "there is not enough memory for the call; pass fewer tokens at once",
    3: "the core refuses the arguments: the level is not one this processor has, or a size or format is out of range",
}


def available() -> bool:
    """Whether the compiled core is installed and loads."""
    return not unavailable_reason()


def unavailable_reason() -> str:
    """One sentence on why the core is not available; empty where it is."""
    found = _load()
    return found if isinstance(found, str) else ""


def call(name: str, *arguments: object) -> int:
    """Call a function of the core and return what it returns.

    Raises:
        NativeError: the core is missing.
    """
    found = _load()
    if isinstance(found, str):
        raise NativeError(found)
    result: int = getattr(found, name)(*arguments)
    return result


def handler(name: str) -> Any:
    """The function ``peerspec_xla_<name>`` with which XLA calls the core; not to be called from Python.

    Raises:
        NativeError: the core is missing.
    """
    found = _load()
    if isinstance(found, str):
        raise NativeError(found)
    return getattr(found, f"peerspec_xla_{name}")


def require(name: str, *arguments: object) -> None:
    """Call a function that returns a status.

    Raises:
        NativeError: the core is missing, or the status is a fault.
    """
    if status := call(name, *arguments):
        raise NativeError(_FAULTS[status])


def best_isa() -> str:
    """The level used unless another is asked for."""
    return ISAS[call("peerspec_best_isa")]


def run(threads: int | None, isa: str | None) -> Any:
    """How to run, as the core takes it.

    Raises:
        InputError: fewer than one thread.
        NativeError: an unknown level.
    """
    if threads is None:
        affinity = getattr(os, "sched_getaffinity", None)  # not on macOS
        threads = len(affinity(0)) if affinity else os.cpu_count() or 1
    if threads < 1:
        raise InputError(f"threads must be at least 1, got {threads}")
    if isa is not None and isa not in ISAS:
        raise NativeError(f"level must be one of {', '.join(ISAS)}, got {isa!r}")
    return ctypes.byref(Run(threads, -1 if isa is None else ISAS.index(isa)))


@cache
def _load() -> ctypes.CDLL | str:
    """The library, or why there is none."""
    spec = importlib.util.find_spec(_NAME)
    if spec is None or spec.origin is None or not os.path.isfile(spec.origin):
        return (
            "the native core was not built when peerspec was installed, which happens without a C++17 compiler; "
            "install g++ or clang++, then reinstall peerspec from source"
        )
    try:
        library = ctypes.CDLL(spec.origin)
        for name, types in _SIGNATURES.items():
            function = getattr(library, name)
            function.argtypes, function.restype = types, ctypes.c_int32
    except (OSError, AttributeError) as error:
        return f"the native core at {spec.origin} cannot be loaded ({error}); reinstall peerspec from source"
    if (got := library.peerspec_interface()) != _INTERFACE:
        return (
            f"the native core at {spec.origin} was built from other sources (interface {got}, not {_INTERFACE}); "
            "reinstall peerspec from source"
        )
    return library
