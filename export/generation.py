"""The two files of a model, published so that every reader finds one generation of them whole.

Tables under a new name, then the graph, which names them, by one rename, then the removal of the tables that only the
old graph named. A graph of one generation can so never meet tables of another; who has opened the old files keeps them.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path
from secrets import token_hex

from peerspec.export.errors import ExportError
from peerspec.export.read import read_model
from peerspec.files.atomic_file import AtomicFile, obstacle

__all__ = ["data_path", "new_data_path", "publish"]


def data_path(path: Path) -> Path:
    """The path of the external file of a model that replaces no other."""
    return path.with_name(path.name + ".data")


def new_data_path(path: Path) -> Path:
    """The path of the external file of a new generation: ``MODEL.onnx.data`` or ``MODEL.onnx.TOKEN.data``.

    A name with a token is never used again, so no reader of an old graph finds new tables under it.
    """
    first = data_path(path)
    return path.with_name(f"{path.name}.{token_hex(4)}.data") if any(map(os.path.lexists, (path, first))) else first


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
    for file in old:
        with suppress(OSError):  # Windows keeps a file that is open
            file.unlink()


def _external_files(path: Path) -> list[Path]:
    """The files that the model at ``path`` names and that have names of its generations; it may be no model at all."""
    own = re.compile(rf"{re.escape(path.name)}(\.[0-9a-f]{{8}})?\.data")
    try:
        tensors = read_model(path).graph.initializer
    except ExportError:
        return []
    names = {entry.value for tensor in tensors for entry in tensor.external_data if entry.key == "location"}
    files = [path.with_name(name) for name in names if own.fullmatch(name)]
    return [file for file in files if not obstacle(file)]
