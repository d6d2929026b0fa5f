"""The statement of a model about tables in fewer bytes: their format and their error (SPEC.md, ONX-10)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import get_args

from peerspec.export.errors import ExportError
from peerspec.export.names import LAYER_NODE, TABLES_KEY
from peerspec.export.onnx_package import ModelProto
from peerspec.export.tables import Tables
from peerspec.files.strict_json import parse_json

__all__ = ["state_errors", "stated_error", "stated_errors"]


def state_errors(model: ModelProto, layers: Mapping[str, tuple[Tables, float]]) -> None:
    """Write the format and error of each layer into the metadata, by the name of its node."""
    entries = {name: {"format": tables, "error": error} for name, (tables, error) in layers.items()}
    model.metadata_props.add(key=TABLES_KEY, value=json.dumps(entries))


def stated_errors(model: ModelProto, source: object) -> dict[str, tuple[Tables, float]]:
    """The formats and errors that ``state_errors`` wrote, by the name of the node; empty without a statement.

    Raises:
        ExportError: the statement has another form.
    """
    text = {entry.key: entry.value for entry in model.metadata_props}.get(TABLES_KEY, "{}")
    try:
        layers = {name: (entry["format"], float(entry["error"])) for name, entry in parse_json(text).items()}
    except (ValueError, TypeError, KeyError, AttributeError):
        layers = {"": ("", 0.0)}
    if any(tables not in get_args(Tables) for tables, _ in layers.values()):
        raise ExportError(f"{source}: {TABLES_KEY} must map layers to format and error, got {text[:60]!r} (ONX-10)")
    return layers


def stated_error(model: ModelProto, name: str, source: object) -> float:
    """The error of the tables of the layer ``name``, as the model states it.

    Raises:
        ExportError: the model does not state it.
    """
    layers = stated_errors(model, source)
    if (name or LAYER_NODE) not in layers:
        raise ExportError(
            f"{source} does not state how far the tables of {name or LAYER_NODE!r} are off; export it again (ONX-10)"
        )
    return layers[name or LAYER_NODE][1]
