"""Makes ``import peerspec`` work from a checkout that is not installed, in this process and in those that it starts."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from tempfile import mkdtemp

__all__ = ["ROOT", "make_importable"]

ROOT = Path(__file__).parents[2]
ROOMS = ("files", "reference", "export", "backends", "conformance", "verification", "cli")


def make_importable() -> str:
    """How peerspec is found: installed, or from the checkout."""
    if importlib.util.find_spec("peerspec"):
        return "installed"
    folder = Path(mkdtemp(prefix="peerspec-"))
    package = folder / "peerspec"
    package.mkdir()
    for part in (*(ROOT / room for room in ROOMS), *(ROOT / "package").glob("*.py")):
        (package / part.name).symlink_to(part)
    native = package / "native"
    native.mkdir()
    for part in (ROOT / "native").iterdir():
        # ctypes loads the core, so one that was built for another version of Python serves too
        name = "_core.so" if part.name.startswith("_core.") and part.suffix == ".so" else part.name
        if not (native / name).exists():
            (native / name).symlink_to(part)
    os.environ["PYTHONPATH"] = os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])
    sys.path.insert(0, str(folder))
    return "from the checkout"
