"""What a C++ compiler says of a text, for tests of declarations by static assertions."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

__all__ = ["errors_of"]


def errors_of(text: str, include: Path) -> str:
    """The errors of a C++17 compiler with this folder of headers, or nothing; a skip where there is no compiler."""
    compiler = shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
    if not compiler:
        pytest.skip("no C++ compiler")
    command = [compiler, "-std=c++17", "-Wno-invalid-offsetof", "-fsyntax-only", "-x", "c++", "-", "-I", str(include)]
    return subprocess.run(command, input=text, capture_output=True, text=True).stderr
