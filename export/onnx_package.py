"""The one place where ``onnx`` is imported, so that its absence has one message."""

from __future__ import annotations

from peerspec.export.errors import missing

try:
    import onnx
    from onnx import (
        FunctionProto,
        GraphProto,
        ModelProto,
        StringStringEntryProto,
        TensorProto,
        ValueInfoProto,
        checker,
        helper,
        parser,
    )
except ModuleNotFoundError as error:
    if error.name != "onnx":  # a broken installation says what broke
        raise
    raise missing("onnx") from None

__all__ = [
    "FunctionProto",
    "GraphProto",
    "ModelProto",
    "StringStringEntryProto",
    "TensorProto",
    "ValueInfoProto",
    "checker",
    "helper",
    "onnx",
    "parser",
]
