"""Writing a layer as an ONNX file, with large tables beside it (``MODEL.onnx`` and ``MODEL.onnx.data``)."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from os import PathLike
from pathlib import Path

from peerspec.export.errors import ExportError
from peerspec.export.expert_stage import Body
from peerspec.export.graph import DIGEST_KEY, LAYER_NODE, layer_model
from peerspec.export.onnx_package import ModelProto, TensorProto
from peerspec.export.stated import state_errors
from peerspec.export.tables import Rows, Tables, check_tables, is_table, narrowed, table_error
from peerspec.export.tensors import ExternalFile, inline_tensor
from peerspec.files.atomic_file import AtomicFile
from peerspec.reference import Layer

__all__ = ["EXTERNAL_THRESHOLD", "TensorMaker", "build_model", "data_path", "export", "write_model"]

EXTERNAL_THRESHOLD = 1 << 20
"""Bytes from which a parameter goes to the external file."""

TensorMaker = Callable[[str, Rows], TensorProto]
"""Makes the tensor of an array, or of the rows in its place, inline or external."""

_PROTOBUF_LIMIT = (1 << 31) - 1  # bytes of one serialised message


def export(
    layer: Layer,
    path: str | PathLike[str],
    *,
    leading: Sequence[str] = ("batch", "sequence"),
    routing: bool = True,
    body: Body = "gather",
    inline: bool = False,
    tables: Tables | None = None,
    external_threshold: int = EXTERNAL_THRESHOLD,
    overwrite: bool = False,
) -> None:
    """Write ``layer`` as an ONNX model, whole or not at all.

    The model maps x [*leading, D] to y [*leading, M] and, with ``trace``, to scores, indices and gates
    [*leading, h, k]. Parameters of ``external_threshold`` bytes and more are streamed to ``path`` +
    ``.data``, so a memory-mapped layer of any size needs a few megabytes; the model names that file without
    its folder, so both move together, and holds its SHA-256.

    Args:
        layer: the layer.
        path: the file to write.
        leading: a name for each leading axis of x; ``()`` for a single token.
        trace: whether the model shows its selection.
        body: how the experts' rows are read where no kernel serves: ``gather`` takes those of all tokens at once,
            ``scan`` those of one token after another, in memory that does not grow with the tokens.
        inline: write standard operators alone, for tools that know no functions; kernels cannot serve them.
        tables: ``float16`` or ``int8`` stores the experts of a float32 layer in half or a quarter of the bytes; the
            model then computes another layer, and how far it is off is measured and stated in the file (ONX-10).
        external_threshold: 0 sends every parameter to the external file.
        overwrite: replace the model and its external file if they exist.

    Raises:
        ExportError: a path that exists or cannot be written, names of axes that are not distinct
            identifiers, tables in fewer bytes of a layer that is not float32 or too large for them, or
            inline parameters beyond protobuf's limit of 2 GiB.
    """
    write_model(
        lambda make_tensor: build_model(
            layer, leading=leading, routing=routing, body=body, inline=inline, tables=tables, make_tensor=make_tensor
        ),
        Path(path),
        external_threshold=external_threshold,
        overwrite=overwrite,
    )


def write_model(
    build: Callable[[TensorMaker], ModelProto], path: Path, *, external_threshold: int, overwrite: bool
) -> None:
    """Write the model that ``build`` makes of its tensors' places; arguments and errors as ``export``."""
    _refuse(path, overwrite)
    try:
        with AtomicFile(data_path(path)) as tables, AtomicFile(path) as main:
            external = ExternalFile(tables.stream, tables.path.name)

            def make_tensor(name: str, array: Rows) -> TensorProto:
                return (inline_tensor if array.nbytes < external_threshold else external.append)(name, array)

            model = build(make_tensor)
            if external.size:
                model.metadata_props.add(key=DIGEST_KEY, value=json.dumps({external.location: external.sha256}))
            main.stream.write(_serialise(model))
            _publish(tables, main)
    except OSError as error:
        raise ExportError(
            f"cannot write {path}: {error.strerror or error}; choose a folder that can be written and has space"
        ) from None


def build_model(
    layer: Layer,
    *,
    leading: Sequence[str] = ("batch", "sequence"),
    routing: bool = True,
    body: Body = "gather",
    inline: bool = False,
    tables: Tables | None = None,
    make_tensor: TensorMaker = inline_tensor,
) -> ModelProto:
    """The model of ``layer``; ``place`` makes a tensor of each parameter, inline unless told otherwise."""
    check_tables(layer.dtype, tables)
    model = layer_model(
        layer.config, layer.dtype, leading=leading, routing=routing, body=body, inline=inline, tables=tables
    )
    if tables:
        state_errors(model, {LAYER_NODE: (tables, table_error(layer, tables))})
    for name, array in layer.params.items():
        parts = narrowed(name, array, tables) if tables and is_table(name) else {name: array}
        model.graph.initializer.extend(make_tensor(part, rows) for part, rows in parts.items())
    return model


def data_path(path: Path) -> Path:
    """Where the external file of a model stands."""
    return path.with_name(path.name + ".data")


def _refuse(path: Path, overwrite: bool) -> None:
    for file in (path, data_path(path)):
        if file.is_dir():
            raise ExportError(f"{file} is a folder; choose the path of a file to write")
        if file.exists() and not overwrite:
            raise ExportError(f"{file} exists; choose another path or pass overwrite=True")


def _serialise(model: ModelProto) -> bytes:
    if (size := model.ByteSize()) > _PROTOBUF_LIMIT:
        raise ExportError(
            f"the model would hold {size} bytes, protobuf takes {_PROTOBUF_LIMIT}; lower external_threshold"
        )
    return bytes(model.SerializeToString())


def _publish(tables: AtomicFile, main: AtomicFile) -> None:
    """The tables first, so that a model never stands without them; no stale external file remains."""
    if tables.stream.tell():
        tables.publish()
    else:
        tables.path.unlink(missing_ok=True)
    try:
        main.publish()
    except BaseException:
        tables.path.unlink(missing_ok=True)
        raise
