"""Whether a layer that is traced for an ONNX file becomes one ``peer.Layer`` node.

Only ``peerspec.export.torch`` adds the functions of such a node (ONX-11), so it says so here, and backends, which must
work without it, ask here. Every other exporter gets a layer of standard operators.
"""

from __future__ import annotations

from contextvars import ContextVar

__all__ = ["AS_NODE"]

AS_NODE: ContextVar[bool] = ContextVar("as_node", default=False)
