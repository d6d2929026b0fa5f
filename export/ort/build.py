"""Compile the library of kernels, whole or not at all."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from os import PathLike
from pathlib import Path

from peerspec.export.ort.errors import KernelError
from peerspec.export.ort.library import is_current
from peerspec.export.ort.sources import FLAGS, INCLUDE, key, units
from peerspec.files.atomic_file import AtomicFile

__all__ = ["build", "cached"]

_NAME = "libpeerspec_ort.so"


def build(
    path: str | PathLike[str] | None = None,
    *,
    compiler: str | None = None,
    flags: Sequence[str] = (),
) -> Path:
    """The path of the library of kernels. It is compiled if the file is missing or was built from other sources.

    Args:
        path: the file to write, ``cached()`` by default. A library of other sources is replaced.
        compiler: a C++17 compiler; by default the one in ``CXX``, else g++ or clang++.
        flags: more flags for the compiler; they need a ``path``.

    Raises:
        KernelError: there is no compiler, the compiler fails, or the file cannot be written.
    """
    if flags and path is None:
        raise KernelError("flags make another library than the cached one; pass path")
    target = cached() if path is None else Path(path)
    try:
        if target.is_dir():
            raise KernelError(f"{target} is a folder; choose the path of a file to write")
        if not flags and target.exists() and is_current(target):
            return target
        command = find_compiler(compiler)
        target.parent.mkdir(parents=True, exist_ok=True)
        with AtomicFile(target) as file, tempfile.TemporaryDirectory() as folder:
            _compile(command, (*FLAGS, *flags, f"-I{INCLUDE}"), Path(folder), file.name)
            file.publish()
    except OSError as error:
        raise KernelError(
            f"cannot write {error.filename or target}: {error.strerror or error}; pass build(path) a file in a folder "
            "that can be written, or set XDG_CACHE_HOME to such a folder"
        ) from None
    return target


def cached() -> Path:
    """The path of the library of these sources in the cache of the user; the file may be missing."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "peerspec" / key() / _NAME


def find_compiler(given: str | None) -> str:
    """The path of a C++ compiler.

    Raises:
        KernelError: the named compiler is missing, or there is none.
    """
    named = given or os.environ.get("CXX")
    for name in (named,) if named else ("g++", "clang++", "c++"):
        if found := shutil.which(name):
            return found
    what = f"the C++ compiler {named!r} is" if named else "a C++17 compiler (g++ or clang++) is"
    raise KernelError(
        f"{what} not found; install g++ (Debian, Ubuntu: apt-get install g++) or pass compiler or set CXX"
    )


def _compile(compiler: str, flags: Sequence[str], folder: Path, target: Path) -> None:
    def compile_unit(source: Path) -> str:
        out = str(folder / f"{source.stem}.o")
        _run(compiler, *flags, "-fPIC", f'-DPEERSPEC_ORT_KEY="{key()}"', "-c", str(source), "-o", out)
        return out

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = list(pool.map(compile_unit, units()))
    _run(compiler, *flags, "-shared", *objects, "-pthread", "-o", str(target))


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if "error" in line] or done.stderr.splitlines() or [""]
        raise KernelError(
            f"{command[0]} cannot compile the kernels: {errors[0].strip()}; a compiler with C++17, such as g++ 9 or "
            "clang++ 10, is needed"
        )
