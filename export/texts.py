"""Texts of a model: protobuf does not check that they are UTF-8, and gives those that are not as bytes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

__all__ = ["broken_text"]


def broken_text(message: Any) -> bytes | None:
    """A text in a message of protobuf, or inside one of its parts, that is not UTF-8; None if all are.

    Example:
        >>> from peerspec.export.onnx_package import ModelProto
        >>> broken_text(ModelProto(producer_name="mine")) is None
        True
    """
    return next(_broken(message), None)


def _broken(message: Any) -> Iterator[bytes]:
    for field, value in message.ListFields():
        if field.type == field.TYPE_STRING:
            parts = [value] if isinstance(value, str | bytes) else value
            yield from (part for part in parts if isinstance(part, bytes))
        elif field.type == field.TYPE_MESSAGE:
            for part in [value] if hasattr(value, "ListFields") else value:
                yield from _broken(part)
