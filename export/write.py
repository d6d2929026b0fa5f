"""Write a layer as an ONNX file, with large tables in a file beside it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from os import PathLike
from pathlib import Path

from peerspec.export.errors import ExportError
from peerspec.export.expert_stage import Body
from peerspec.export.generation import collect, data_path, new_data_path, publish
from peerspec.export.graph import layer_model
from peerspec.export.names import DIGEST_KEY, LAYER_NODE
from peerspec.export.onnx_package import ModelProto, TensorProto
from peerspec.export.stated import state_errors
from peerspec.export.table_error import table_error
from peerspec.export.tables import Rows, Tables, check_tables, is_table, narrowed
from peerspec.export.tensors import ExternalFile, inline_tensor
from peerspec.files.atomic_file import AtomicFile, obstacle
from peerspec.files.header import read_header
from peerspec.files.shown import printable
from peerspec.reference import Layer, PeerError

__all__ = ["EXTERNAL_THRESHOLD", "TensorMaker", "build_model", "data_path", "export", "write_model"]

EXTERNAL_THRESHOLD = 1 << 20
"""Parameters of at least this many bytes go to the external file."""

TensorMaker = Callable[[str, Rows], TensorProto]
"""A function that makes an inline or external tensor of an array or of ``Rows``, under a name."""

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

    The model maps x [*leading, D] to y [*leading, M] and, with ``routing``, to scores, indices and gates
    [*leading, h, k]. Parameters of at least ``external_threshold`` bytes are written in chunks to ``path`` + ``.data``,
    so a memory-mapped layer of any size needs a few megabytes. The model holds the SHA-256 and the name of that file,
    without its folder, so both can be moved together. Where a model or that file exists, the new external file is
    ``path`` + ``.TOKEN.data`` with 16 hexadecimal digits, so that at every instant there is one whole model.

    Args:
        layer: the layer.
        path: the file to write.
        leading: a name for each leading axis of x; ``()`` for one token.
        routing: whether scores, indices and gates are outputs beside y.
        body: how a model without kernels reads the rows of experts: ``gather`` reads those of all tokens at once,
            ``scan`` those of one token after another, in memory that does not grow with the tokens.
        inline: write standard operators alone, for tools without functions; kernels cannot replace them.
        tables: ``float16`` or ``int8`` stores the experts of a float32 layer in half or a quarter of the bytes. The
            model then computes another layer; the error of y is measured and stated in the file (ONX-10).
        external_threshold: 0 writes every parameter to the external file.
        overwrite: replace the model if it exists, and remove the external file that only the old one named, and those
            with a token that killed exports of this model left.

    Raises:
        ExportError: the path exists, is a link or a safetensors file, or cannot be written, the names of axes are not
            distinct identifiers, ``tables`` is given and the layer is not float32 or too large for the format, or
            inline parameters exceed the 2 GiB of protobuf.

    Example:
        >>> export(Layer.load("layer.safetensors"), "layer.onnx", leading=("tokens",))
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
    """Write the model that ``build`` makes with the given maker of tensors; arguments and errors as ``export``."""
    try:
        _refuse_existing(path, overwrite)
        with AtomicFile(data_path(path)) as data, AtomicFile(path) as main:
            data.path = new_data_path(path)
            external = ExternalFile(data.stream, data.path.name)

            def make_tensor(name: str, array: Rows) -> TensorProto:
                return (inline_tensor if array.nbytes < external_threshold else external.append)(name, array)

            model = build(make_tensor)
            if external.size:
                model.metadata_props.add(key=DIGEST_KEY, value=json.dumps({external.location: external.sha256}))
            main.stream.write(_serialise(model))
            publish(data if external.size else None, main, overwrite=overwrite)
        if overwrite and data.is_locked:
            collect(path)
    except FileExistsError as error:
        raise _exists(error.filename2 or error.filename, meanwhile=overwrite) from None
    except OSError as error:
        raise ExportError(
            f"cannot write {path}: {error.strerror or error}; choose a folder that can be written and has space"
        ) from None
    except PeerError:
        raise
    except ValueError as error:  # a path with a NUL
        raise ExportError(f"cannot write {printable(str(path))}: {error}; choose another path") from None


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
    """The model of ``layer``; ``make_tensor`` makes each tensor. Other arguments and errors as ``export``.

    Example:
        >>> from peerspec.reference import PeerConfig
        >>> layer = Layer.random(PeerConfig(d_model=4, heads=2, num_experts=9, top_k=2, d_key=4))
        >>> [function.name for function in build_model(layer).functions]
        ['ProductKeyTopK', 'ExpertStage', 'Layer']
    """
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


def _refuse_existing(path: Path, overwrite: bool) -> None:
    """Refuse what has the name of the model or of its external file, before anything is written."""
    if found := obstacle(path):
        raise ExportError(f"{path} is {found}; choose the path of a file to write")
    for file in (path, data_path(path)):
        if os.path.lexists(file) and not overwrite:
            raise _exists(file)
    if _is_safetensors(path):
        raise ExportError(
            f"{path} is a safetensors file, such as a layer file, and only a model is overwritten; choose another path"
        )


def _is_safetensors(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            read_header(file)
    except (OSError, ValueError):
        return False
    return True


def _exists(file: object, *, meanwhile: bool = False) -> ExportError:
    if meanwhile:
        return ExportError(f"another process wrote {file} meanwhile; export again")
    return ExportError(f"{file} exists; choose another path or pass overwrite=True")


def _serialise(model: ModelProto) -> bytes:
    if (size := model.ByteSize()) > _PROTOBUF_LIMIT:
        raise ExportError(
            f"the model would hold {size} bytes, protobuf takes {_PROTOBUF_LIMIT}; lower external_threshold"
        )
    return bytes(model.SerializeToString())
