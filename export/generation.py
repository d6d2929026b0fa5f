"""The two files of a model, published so that every reader finds one generation of them whole.

Tables under a new name, then the graph, which names them, by one rename, then the removal of the tables that only the
old graph named. A graph of one generation can so never meet tables of another; who has opened the old files keeps them.

What killed exports, and exports at the same time, leave is collected by a later export, or by the last of them: tables
whose name shows that an export gave it, that no graph beside them names, while no export of this model runs.
"""

from __future__ import annotations

import mmap
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from secrets import token_hex

from peerspec.export.errors import ExportError
from peerspec.export.read import read_model
from peerspec.files.atomic_file import AtomicFile, obstacle
from peerspec.files.temporary_name import may_be_written

__all__ = ["collect", "data_path", "new_data_path", "publish"]

_GRAPH = b"\x08"
"""The first byte of an ONNX file: the key of its version."""
_LIMIT = (1 << 31) - 1  # bytes of one message of protobuf


def data_path(path: Path) -> Path:
    """The path of the external file of a model that replaces no other."""
    return path.with_name(path.name + ".data")


def new_data_path(path: Path) -> Path:
    """The path of the external file of a new generation: ``MODEL.onnx.data`` or ``MODEL.onnx.TOKEN.data``.

    A name with a token is never used again, so no reader of an old graph finds new tables under it. The second half of
    a token follows from the first one and the name of the model, so that no file of a user is taken for an export's.
    """
    first = data_path(path)
    return _named_by(path, token_hex(4)) if any(map(os.path.lexists, (path, first))) else first


def _named_by(path: Path, half: str) -> Path:
    check = sha256(os.fsencode(f"{half} {path.name}")).hexdigest()[:8]
    return path.with_name(f"{path.name}.{half}{check}.data")


def publish(data: AtomicFile | None, graph: AtomicFile, *, overwrite: bool) -> None:
    """Publish the external file, if there is one, then the graph; then remove the external file of the old graph.

    Raises:
        FileExistsError: something has the name of the external file, or of the graph and ``overwrite`` is false.
        OSError: a file cannot be written.
    """
    old = _external_files(graph.path) if overwrite else []
    try:
        if data:
            data.publish(overwrite=False)
        graph.publish(overwrite=overwrite)
    except BaseException:
        if data and data.is_published and not graph.is_published:
            data.path.unlink()
        raise
    with suppress(OSError):  # who cannot read the graphs beside removes nothing
        _remove_unnamed(graph.path, old)


def collect(path: Path) -> None:
    """Remove what earlier exports of the model at ``path`` left: tables with a token that no graph beside them names.

    While another export of this model runs, nothing is removed: its tables have no graph yet, and it collects at its
    end. So this is called after the end of ``AtomicFile``, and only where that has a lock.
    """
    with suppress(OSError):
        pattern = re.compile(rf"{re.escape(path.name)}\.([0-9a-f]{{8}})[0-9a-f]{{8}}\.data")
        found = [match for entry in os.scandir(path.parent) if (match := pattern.fullmatch(entry.name))]
        files = [file for match in found if (file := _named_by(path, match[1])).name == match[0]]
        if files and not may_be_written(data_path(path)):  # in this order: now no new graph names one of these
            _remove_unnamed(path, [file for file in files if not obstacle(file)])


def _remove_unnamed(path: Path, files: Sequence[Path]) -> None:
    """Remove the files that neither the model at ``path`` nor another graph beside it names."""
    left = set(files)
    for entry in sorted(path.parent.iterdir()) if files else ():
        if entry not in files:
            with suppress(FileNotFoundError):  # it was a temporary file
                left -= _named_in(entry, left)
    for each in left:
        with suppress(OSError):  # Windows keeps a file that is open
            each.unlink()


def _named_in(graph: Path, files: set[Path]) -> set[Path]:
    """The files whose names a graph holds; none if it is no graph."""
    if not graph.is_file() or not 0 < graph.stat().st_size <= _LIMIT:
        return set()
    with graph.open("rb") as file:
        if graph.suffix != ".onnx" and file.read(1) != _GRAPH:
            return set()
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return {each for each in files if content.find(os.fsencode(each.name)) >= 0}


def _external_files(path: Path) -> list[Path]:
    """The files that the model at ``path`` names and that have names of its generations; it may be no model at all."""
    own = re.compile(rf"{re.escape(path.name)}(\.[0-9a-f]{{8}}|\.[0-9a-f]{{16}})?\.data")
    try:
        tensors = read_model(path).graph.initializer
    except ExportError:
        return []
    names = {entry.value for tensor in tensors for entry in tensor.external_data if entry.key == "location"}
    files = [path.with_name(name) for name in names if own.fullmatch(name)]
    return [file for file in files if not obstacle(file)]
