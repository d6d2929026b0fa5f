"""How far the tensors of a model reach into its external files."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from peerspec.export.onnx_package import FunctionProto, GraphProto, ModelProto, TensorProto, helper

__all__ = ["external_ends"]


def external_ends(path: Path, model: ModelProto) -> dict[Path, int]:
    """The position behind the last byte that a tensor of the model at ``path`` has, for each external file.

    Tensors of subgraphs and of functions count too; entries that cannot be read count as nothing.
    """
    ends: dict[Path, int] = {}
    for part in (model.graph, *model.functions):
        for tensor in _tensors(part):
            if tensor.data_location == TensorProto.EXTERNAL:
                with suppress(ValueError, KeyError):
                    file, end = _end(path, tensor)
                    ends[file] = max(end, ends.get(file, 0))
    return ends


def _tensors(part: GraphProto | FunctionProto) -> Iterator[TensorProto]:
    if isinstance(part, GraphProto):
        yield from part.initializer
        for sparse in part.sparse_initializer:
            yield from (sparse.values, sparse.indices)
    for attribute in (attribute for node in part.node for attribute in node.attribute):
        yield from (attribute.t, *attribute.tensors)
        for graph in (attribute.g, *attribute.graphs):
            yield from _tensors(graph)


def _end(path: Path, tensor: TensorProto) -> tuple[Path, int]:
    entries = {entry.key: entry.value for entry in tensor.external_data}
    size = math.prod(tensor.dims) * helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
    file = Path(os.path.realpath(path.parent / entries["location"]))
    return file, int(entries.get("offset", 0)) + int(entries.get("length", size))
