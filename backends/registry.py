"""Backends by name: entry points, ``module:attribute`` and ``file.py:attribute``."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
import sys
from collections.abc import Collection
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from peerspec.backends.protocol import NAME, Backend, BackendError, is_name
from peerspec.files.shown import said, shown

__all__ = ["GROUP", "load", "names", "source_file"]

GROUP = "peerspec.backends"
"""The group of entry points that gives an installed backend its name."""
_LETTERS = 1000
"""Letters of the message of an exception that are shown: more than any sentence has."""


def names() -> list[str]:
    """The names of all installed backends, sorted.

    Example:
        >>> "reference" in names()
        True
    """
    return sorted({point.name for point in entry_points(group=GROUP)})


def load(name: str) -> Backend:
    """Import the backend called ``name``.

    Args:
        name: an installed name, ``package.module:attribute`` or ``path/to/file.py:attribute``; without ``:attribute``
            the module itself is the backend.

    Raises:
        BackendError: there is no such backend, its import fails, or it does not have the contract.

    Example:
        >>> load("reference").name
        'reference'
    """
    point = _installed(name)
    try:
        found = point.load() if point else _from_path(name)
        _require_contract(name, found)
    except (BackendError, KeyboardInterrupt):
        raise
    except BaseException as error:  # its code may raise anything, SystemExit too
        why = f"{type(error).__name__}: {_cut(said(error))}"
        raise BackendError(f"backend {name!r} cannot be imported: {why}") from error
    return found


def source_file(name: str) -> Path | None:
    """The Python file of the backend called ``name``, found without importing anything; None if none is known.

    Example:
        >>> source_file("no_such_package.backend") is None
        True
    """
    target = next((point.value for point in entry_points(group=GROUP, name=name)), name).partition(":")[0]
    if target.endswith(".py"):
        return Path(target) if os.path.isfile(target) else None
    parts = os.path.join(*target.split(".")) if target.strip(".") else target
    candidates = (os.path.join(folder, f"{parts}{end}") for folder in (*sys.path, "") for end in _ENDS)
    return next((Path(candidate) for candidate in candidates if os.path.isfile(candidate)), None)


_ENDS = (".py", f"{os.sep}__init__.py")


def _cut(text: str) -> str:
    return text if len(text) <= _LETTERS else f"{text[:_LETTERS]}…"


def _installed(name: str) -> EntryPoint | None:
    """The entry point of this name; a package that is found twice, as a checkout is, has one."""
    points = {point.value: point for point in entry_points(group=GROUP, name=name)}
    if len(points) > 1:
        owners = " and ".join(
            f"{point.dist.name if point.dist else 'a package'} ({value})" for value, point in points.items()
        )
        raise BackendError(f"several packages claim the backend name {name!r}: {owners}; uninstall all but one")
    return next(iter(points.values()), None)


def _from_path(name: str) -> Any:
    target, _, attribute = name.partition(":")
    if not target.strip("."):
        raise BackendError(f"{name!r} does not name a backend; use a name, module:attribute or file.py:attribute")
    is_file = target.endswith(".py")
    if not is_file and Path(target).is_file():
        raise BackendError(
            f"{target} is not a Python file; name a backend as file.py:attribute, or pass a model to `peerspec verify`"
        )
    if not (is_file or attribute or "." in target):
        raise BackendError(
            f"no backend is called {name!r}; installed are {', '.join(names())}; "
            "name any other as module:attribute or file.py:attribute"
            + (f"; did you mean the file {target}.py?" if Path(f"{target}.py").is_file() else "")
        )
    module = _module_of_file(Path(target)) if is_file else importlib.import_module(target)
    if not attribute:
        return module
    if not hasattr(module, attribute):
        raise BackendError(f"{target} has no attribute {attribute!r}; name the backend object that it defines")
    return getattr(module, attribute)


def _module_of_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise BackendError(f"{path} is not a file; name an existing Python file before the colon")
    spec = importlib.util.spec_from_file_location(_module_name(path), path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses and files beside it look for the module here
    sys.path.insert(0, str(path.parent.resolve()))
    try:
        spec.loader.exec_module(module)
    finally:
        with contextlib.suppress(ValueError):  # the module may have changed the list
            sys.path.remove(str(path.parent.resolve()))
    return module


def _module_name(path: Path) -> str:
    """The name by which files beside it can import the file; another one if that is the name of another module."""
    try:
        found = importlib.util.find_spec(path.stem)
    except (ImportError, ValueError):  # a module without a specification, as __main__
        return f"backend_{path.stem}"
    same = found is None or (found.origin is not None and Path(found.origin).resolve() == path.resolve())
    return path.stem if same else f"backend_{path.stem}"


def _require_contract(name: str, found: Any) -> None:
    if isinstance(found, type):
        raise BackendError(f"backend {name!r} is a class; name an instance of it")
    missing = [part for part in ("name", "profiles", "forward") if not hasattr(found, part)]
    if missing:
        raise BackendError(
            f"backend {name!r} lacks {', '.join(missing)}; a backend has name, profiles and forward(layer, x, ...)"
        )
    if not is_name(given := found.name):
        raise BackendError(f"backend {name!r}: {NAME}, got {shown(given)}")
    if (
        isinstance(found.profiles, str)
        or not isinstance(found.profiles, Collection)
        or not all(isinstance(profile, str) for profile in found.profiles)
    ):
        raise BackendError(f"backend {name!r}: profiles must be a collection of names, got {shown(found.profiles)}")
