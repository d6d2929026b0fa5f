"""Where the headers of ONNX Runtime's C interface lie."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from peerspec.export.ort.errors import KernelError

__all__ = ["ENVIRONMENT", "find_headers"]

ENVIRONMENT = "PEERSPEC_ORT_HEADERS"
"""The environment variable that names the folder of the headers."""

_NAME = "onnxruntime_c_api.h"
_OLDEST = 17
"""``ORT_API_VERSION`` of the first interface with the session's thread pool."""

# where releases, Debian and conda put them, from the root of each
_PLACES = ("", "include", "include/onnxruntime", "include/onnxruntime/core/session", "usr/include/onnxruntime")


def find_headers(folder: str | os.PathLike[str] | None = None) -> Path:
    """The folder that holds ``onnxruntime_c_api.h``, at or below the one given, named or usual on this system.

    Raises:
        KernelError: there is none, or it is older than ONNX Runtime 1.17.
    """
    named = folder or os.environ.get(ENVIRONMENT)
    roots = [Path(named)] if named else [Path(sys.prefix), Path("/usr/local"), Path("/usr")]
    for layer_node in (root / layer_node for root in roots for layer_node in _PLACES):
        if (layer_node / _NAME).is_file():
            _require_version(layer_node / _NAME)
            return layer_node
    where = f"below {named}" if named else "on this system"
    raise KernelError(
        f"the headers of ONNX Runtime ({_NAME}) are not found {where}; install libonnxruntime-dev (Debian 13, Ubuntu "
        f"24.10), or run {Path(__file__).with_name('headers.sh')} FOLDER (any Debian), or unpack a release of ONNX "
        f"Runtime, and set {ENVIRONMENT} to the folder"
    )


def _require_version(header: Path) -> None:
    found = re.search(r"#define ORT_API_VERSION (\d+)", header.read_text(errors="replace"))
    if found is None or int(found[1]) < _OLDEST:
        version = f"1.{found[1]}" if found else "an unknown version"
        raise KernelError(
            f"{header} is of ONNX Runtime {version}, the kernels need 1.{_OLDEST} or newer; "
            f"set {ENVIRONMENT} to the folder of a newer release"
        )
