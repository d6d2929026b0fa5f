"""The headers of ONNX Runtime's C interface, for tests that compare with them or build programs of users."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

__all__ = ["ort_headers"]

NAME = "onnxruntime_c_api.h"
# the folders of releases, Debian and conda, below the root of each
FOLDERS = ("", "include", "include/onnxruntime", "include/onnxruntime/core/session", "usr/include/onnxruntime")


def ort_headers() -> Path:
    """The folder of the headers, below that in ``PEERSPEC_ORT_HEADERS`` or those of the system; else a skip."""
    named = os.environ.get("PEERSPEC_ORT_HEADERS")
    roots = [Path(named)] if named else [Path(sys.prefix), Path("/usr/local"), Path("/usr")]
    for folder in (root / name for root in roots for name in FOLDERS):
        if (folder / NAME).is_file():
            return folder
    pytest.skip(f"needs {NAME}: install libonnxruntime-dev, or run .ci/ort_headers.sh and set PEERSPEC_ORT_HEADERS")
