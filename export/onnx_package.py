"""The only import of ``onnx``, so that a missing package has one message."""

from __future__ import annotations

from peerspec.export.errors import missing

try:
    import onnx
    from onnx import (
        FunctionProto,
        GraphProto,
        ModelProto,
        NodeProto,
        StringStringEntryProto,
        TensorProto,
        ValueInfoProto,
        checker,
        helper,
        inliner,
        parser,
    )
    from onnx.reference import ReferenceEvaluator
except ModuleNotFoundError as error:
    if error.name != "onnx":  # onnx is installed but broken; its own error says more
        raise
    raise missing("onnx") from None

__all__ = [
    "FunctionProto",
    "GraphProto",
    "ModelProto",
    "NodeProto",
    "ReferenceEvaluator",
    "StringStringEntryProto",
    "TensorProto",
    "ValueInfoProto",
    "checker",
    "helper",
    "inliner",
    "onnx",
    "parser",
]
