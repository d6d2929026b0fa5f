"""The layer nodes of a model, each with its configuration and its parameters.

A model of standard operators alone (``inline``) has no such node; its metadata and the names of its parameters describe
its one layer.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from peerspec.export.domain import DOMAIN, DOMAIN_VERSION
from peerspec.export.errors import ExportError
from peerspec.export.names import CONFIG_KEY, LAYER_NAMES, LAYER_NODE, SPEC_KEY
from peerspec.export.onnx_package import ModelProto, NodeProto, helper
from peerspec.export.stated import stated_errors
from peerspec.export.tables import Tables, inputs
from peerspec.files.shown import shown
from peerspec.reference import SPEC_VERSION, PeerConfig
from peerspec.reference.version import is_readable_version

__all__ = ["LayerNode", "find_layer", "find_layers", "layer_nodes", "metadata"]

_KEEP_NAMES = (
    "merge models by onnx.compose.add_prefix(…, rename_functions=False), and clear the functions of all but one before"
)
_TABLES = {name: tables for tables, name in LAYER_NAMES.items()}


class LayerNode(NamedTuple):
    """One layer of a model.

    Attributes:
        name: the name of its node; empty if functions are inlined.
        config: its configuration.
        node: its node, or None if functions are inlined.
        parameters: the name of the initializer of each parameter, and of the factors of int8 tables.
        tables: the format of the tables if they take fewer bytes than the other parameters, else None.
    """

    name: str
    config: PeerConfig
    node: NodeProto | None
    parameters: dict[str, str]
    tables: Tables | None


def find_layers(model: ModelProto, source: object) -> list[LayerNode]:
    """The layers of ``model``, in the order of its graph; ``source`` is its name in errors.

    Raises:
        ExportError: no layer, another version of the domain or of the spec, or a call of a missing function.
        ConfigError: an invalid configuration.
    """
    _check_versions(model, source)
    _check_functions(model, source)
    if found := layer_nodes(model, source):
        return found
    if any(node.domain == DOMAIN for node in model.graph.node):
        renamed = [
            node.op_type for node in model.graph.node if node.domain == DOMAIN and node.op_type.endswith("Layer")
        ]
        why = f"; a tool renamed Layer to {shown(renamed[0])}: {_KEEP_NAMES}" if renamed else ""
        raise ExportError(
            f"{source} calls functions of the domain {DOMAIN!r}, but none of them is a whole Layer{why} (ONX-11)"
        )
    if CONFIG_KEY in metadata(model):
        config = PeerConfig.from_json(metadata(model)[CONFIG_KEY])
        tables, _ = stated_errors(model, source).get(LAYER_NODE, (None, 0.0))
        return [LayerNode("", config, None, {name: name for name in inputs(config, tables)}, tables)]
    raise ExportError(f"{source} holds no node of the domain {DOMAIN!r}; pass a model written by peerspec.export")


def find_layer(model: ModelProto, source: object, name: str | None = None) -> LayerNode:
    """The layer of that name, or the only layer of ``model``.

    Raises:
        ExportError: as ``find_layers``, no layer of that name, or several layers and no name.
    """
    nodes = find_layers(model, source)
    names = ", ".join(repr(node.name) for node in nodes)
    if name is not None:
        nodes = [node for node in nodes if node.name == name]
    if len(nodes) == 1:
        return nodes[0]
    if not nodes:
        raise ExportError(f"{source} has no layer {name!r}; it has {names}")
    raise ExportError(f"{source} holds {len(nodes)} layers, {names}; name one of them")


def layer_nodes(model: ModelProto, source: object) -> list[LayerNode]:
    """The layer nodes of ``model``, none included; raises as ``find_layers``, for their configuration."""
    return [_layer_node(node, source) for node in model.graph.node if _is_layer(node)]


def metadata(model: ModelProto) -> dict[str, str]:
    """The entries of the model's metadata."""
    return {entry.key: entry.value for entry in model.metadata_props}


def _is_layer(node: NodeProto) -> bool:
    return node.domain == DOMAIN and node.op_type.split("_")[0] in _TABLES


def _layer_node(node: NodeProto, source: object) -> LayerNode:
    attributes = {entry.name: helper.get_attribute_value(entry) for entry in node.attribute}
    if not isinstance(text := attributes.get("config"), bytes):
        raise ExportError(f"{source}: the layer {node.name!r} has no attribute config; export the model again (ONX-11)")
    config = PeerConfig.from_json(text.decode("utf-8", "replace"))
    tables = _TABLES[node.op_type.split("_")[0]]
    names = tuple(inputs(config, tables))
    if len(node.input) != 1 + len(names):
        raise ExportError(
            f"{source}: the layer {node.name!r} takes x and {', '.join(names)}, "
            f"got {len(node.input)} inputs; export the model again (ONX-11)"
        )
    return LayerNode(node.name, config, node, dict(zip(names, node.input[1:], strict=True)), tables)


def _check_versions(model: ModelProto, source: object) -> None:
    for entry in model.opset_import:
        if entry.domain == DOMAIN and entry.version != DOMAIN_VERSION:
            raise ExportError(
                f"{source} imports version {entry.version} of the domain {DOMAIN!r}, this package reads version "
                f"{DOMAIN_VERSION}; install a matching peerspec (ONX-1)"
            )
    spec = metadata(model).get(SPEC_KEY, SPEC_VERSION)
    if not is_readable_version(spec):
        raise ExportError(
            f"{source} was written for spec {spec}, this package reads {SPEC_VERSION}; install a matching peerspec"
        )


def _check_functions(model: ModelProto, source: object) -> None:
    defined = {function.name for function in model.functions if function.domain == DOMAIN}
    if missing := sorted({node.op_type for node in _calls(model)} - defined):
        raise ExportError(
            f"{source} calls {DOMAIN}.{missing[0]} and holds no function of that name; "
            "export the model again with peerspec.export (ONX-1)"
        )


def _calls(model: ModelProto) -> Iterator[NodeProto]:
    bodies = [model.graph.node, *(function.node for function in model.functions)]
    return (node for nodes in bodies for node in nodes if node.domain == DOMAIN)
