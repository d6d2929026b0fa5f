"""Find the headers of ONNX Runtime's C interface."""

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
"""``ORT_API_VERSION`` of the first interface that gives kernels the thread pool of the session."""

# the folders of releases, Debian and conda, below the root of each
_FOLDERS = ("", "include", "include/onnxruntime", "include/onnxruntime/core/session", "usr/include/onnxruntime")


def find_headers(folder: str | os.PathLike[str] | None = None) -> Path:
    """The folder of ``onnxruntime_c_api.h``, at or below ``folder``, the folder in the environment, or the system's.

    Raises:
        KernelError: the headers are missing, or older than ONNX Runtime 1.17.
    """
    named = folder or os.environ.get(ENVIRONMENT)
    roots = [Path(named)] if named else [Path(sys.prefix), Path("/usr/local"), Path("/usr")]
    for found in (root / name for root in roots for name in _FOLDERS):
        if (found / _NAME).is_file():
            _require_version(found / _NAME)
            return found
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
