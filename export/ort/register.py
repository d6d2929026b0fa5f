"""Load the kernels into the options of a session."""

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
    """Load the kernels into ``onnxruntime.SessionOptions``; a second call changes nothing.

    Args:
        session_options: the options of a session on the CPU, which must be created later.
        library: a file of ``build``; by default the cached one, which is compiled if it is missing.

    Returns:
        The path of the library.

    Raises:
        KernelError: the library cannot be built or loaded, was built from other sources, or the options hold another
            library.

    Example:
        >>> options = onnxruntime.SessionOptions()  # doctest: +SKIP
        >>> register(options)  # doctest: +SKIP
    """
    if (held := _registered.get(session_options)) is not None:
        if library is not None and Path(library).resolve() != held:
            raise KernelError(
                f"these session options already hold the kernels of {held}; make new options for another library"
            )
        return held
    path = (build() if library is None else Path(library)).resolve()
    require_current(path)
    try:
        session_options.register_custom_ops_library(str(path))
    except Exception as error:  # ONNX Runtime has a class for each status, directly under Exception
        raise KernelError(f"ONNX Runtime refuses {path}: {error}") from None
    _registered[session_options] = path
    return path
