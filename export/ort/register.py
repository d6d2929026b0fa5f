"""Loading the kernels into the options of a session."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from peerspec.export.ort.build import build
from peerspec.export.ort.errors import KernelError
from peerspec.export.ort.library import require_current

__all__ = ["register"]

_registered: WeakKeyDictionary[Any, Path] = WeakKeyDictionary()


def register(session_options: Any, library: str | PathLike[str] | None = None) -> Path:
    """Load the kernels into ``onnxruntime.SessionOptions``; a second time changes nothing.

    Args:
        session_options: options for a session on the CPU, made with them after this.
        library: a file of ``build``; unless given, the cached one, which is compiled if it is missing.

    Returns:
        The library's path.

    Raises:
        KernelError: the library cannot be built or loaded, is of other sources, or the options hold another one.
    """
    if (held := _registered.get(session_options)) is not None:
        if library is not None and Path(library).resolve() != held:
            raise KernelError(f"these session options hold the kernels of {held} already; make new options for another")
        return held
    path = (build() if library is None else Path(library)).resolve()
    require_current(path)
    try:
        session_options.register_custom_ops_library(str(path))
    except Exception as error:  # each status of ONNX Runtime has a class of its own, under Exception
        raise KernelError(f"ONNX Runtime refuses {path}: {error}") from None
    _registered[session_options] = path
    return path
