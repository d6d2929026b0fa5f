"""Finds and loads the compiled core, or says why it is missing, and calls its functions.

The core is optional: without a C++ compiler an installation succeeds without it. It is a shared library, not a Python
module, so that one build works with every version of Python; ctypes loads it from the folder of this package.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
from functools import cache
from typing import Any

from peerspec.native.signatures import INTERFACE, SIGNATURES
from peerspec.reference import PeerError

__all__ = ["NativeError", "available", "call", "handler", "require", "unavailable_reason"]

_NAME = "peerspec.native._core"
_FAULTS = {
    1: "an expert id lies outside 0..N-1; ids must come from a selection over these tables (IDX-1)",
    2: "there is not enough memory for the call; pass fewer tokens at once",
    3: (
        "the core refuses the arguments: the processor lacks the instruction set, or a size or dtype is out of range; "
        "use an isa up to best_isa()"
    ),
}


class NativeError(PeerError):
    """The native core is missing, or cannot do what a call requires."""


def available() -> bool:
    """Whether the core is installed and loads."""
    return not unavailable_reason()


def unavailable_reason() -> str:
    """A sentence that says why the core is not available; empty if it is."""
    found = _load()
    return found if isinstance(found, str) else ""


def call(name: str, *arguments: object) -> int:
    """Call a function of the core and return its result.

    Raises:
        NativeError: the core is missing.
    """
    result: int = getattr(_library(), name)(*arguments)
    return result


def require(name: str, *arguments: object) -> None:
    """Call a function of the core that returns a status.

    Raises:
        NativeError: the core is missing, or the status is an error.
    """
    if status := call(name, *arguments):
        raise NativeError(_FAULTS[status])


def handler(name: str) -> Any:
    """The function ``peerspec_xla_<name>``, through which XLA calls the core. Do not call it from Python.

    Raises:
        NativeError: the core is missing.
    """
    return getattr(_library(), f"peerspec_xla_{name}")


def _library() -> ctypes.CDLL:
    found = _load()
    if isinstance(found, str):
        raise NativeError(found)
    return found


@cache
def _load() -> ctypes.CDLL | str:
    """The library, or the reason why there is none."""
    spec = importlib.util.find_spec(_NAME)
    if spec is None or spec.origin is None or not os.path.isfile(spec.origin):
        return (
            "the native core was not built when peerspec was installed, usually because there was no C++17 compiler; "
            "install g++ or clang++, then reinstall peerspec from source"
        )
    try:
        library = ctypes.CDLL(spec.origin)
        for name, types in SIGNATURES.items():
            function = getattr(library, name)
            function.argtypes, function.restype = types, ctypes.c_int32
    except (OSError, AttributeError) as error:
        return f"the native core at {spec.origin} cannot be loaded ({error}); reinstall peerspec from source"
    if (got := library.peerspec_interface()) != INTERFACE:
        return (
            f"the native core at {spec.origin} was built from other sources (interface {got}, not {INTERFACE}); "
            "reinstall peerspec from source"
        )
    return library
