"""Programs of this repository whose modules import each other by bare names, as scripts do."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def modules_of(*folders: Path) -> Iterator[None]:
    """In this context the modules in ``folders`` are found by their bare names, those of the first folder first.

    Two programs may have modules of one name. So a module of another folder that has the name of one in ``folders``
    is put aside, and comes back at the end; then those of ``folders`` are gone, and so are the folders themselves.
    """
    names = {path.stem for folder in folders for path in folder.glob("*.py")} - {"__main__", "conftest"}
    others = {name: sys.modules.pop(name) for name in names & sys.modules.keys()}
    before = list(sys.path)
    sys.path[:0] = map(str, folders)
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path[:] = before
        for name in names:
            sys.modules.pop(name, None)
        sys.modules.update(others)
