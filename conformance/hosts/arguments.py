"""The arguments of a call: private copies for each call, or the arrays of the last call with new values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerspec.conformance.cases.layouts import copied, layout
from peerspec.reference import Adapter, Base, Layer
from peerspec.reference.comparison import ComparisonLayer

__all__ = ["InPlace", "arrays", "private", "same_bits"]

Array = NDArray[Any]


class InPlace(dict[str, Any]):
    """Arguments whose values are written into the arrays of the last call of the same method, where these fit.

    A program that trains a layer changes its parameters like that: same objects, same addresses, other numbers.
    """


def private(arguments: Mapping[str, Any], last: Mapping[str, Any]) -> dict[str, Any]:
    """Copies of the arguments for one call; ``InPlace`` go into ``last``, the copies of an earlier call."""
    olds = last if isinstance(arguments, InPlace) else {}
    return {key: _placed(value, olds.get(key)) for key, value in arguments.items()}


def arrays(arguments: Mapping[str, Any]) -> dict[str, Array]:
    """The arrays among the arguments by name, parameters of a layer or of an adapter and bases included."""
    found: dict[str, Array] = {}
    for key, value in arguments.items():
        if isinstance(value, np.ndarray):
            found[key] = value
        elif isinstance(value, _LAYERS):
            found |= value.params
        elif isinstance(value, dict):
            found |= {f"{key}.{name}": array for name, array in _by_target(value)}
    return found


def _by_target(values: dict[str, Any]) -> Iterator[tuple[str, Array]]:
    """The arrays of an argument by target: one each, or those of a base."""
    for target, value in values.items():
        if not isinstance(value, Base):
            yield target, value
            continue
        yield f"{target}.weight", value.weight
        if value.bias is not None:
            yield f"{target}.bias", value.bias


def same_bits(a: Array, b: Array) -> bool:
    """Whether two arrays have one shape, one dtype and the same bytes.

    Example:
        >>> same_bits(np.array([0.0]), np.array([-0.0])), same_bits(np.array([np.nan]), np.array([np.nan]))
        (False, True)
    """
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if a.nbytes < _SMALL:
        return a.tobytes() == b.tobytes()
    return bool(np.array_equal(_bytes(a), _bytes(b)))


_LAYERS = (Layer, ComparisonLayer, Adapter)
"""What holds parameters."""
_SMALL = 1 << 16
"""Bytes of an array that is compared faster by copies."""


def _bytes(array: Array) -> Array:
    """The bytes in row order, without a copy if the array lies in this order."""
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8)


def _placed(value: Any, old: Any) -> Any:
    """A copy of the value, or the old object with its bits."""
    new, place = (arrays({"": part}) for part in (value, old))
    if isinstance(value, _LAYERS) and (type(old) is not type(value) or old.config != value.config):
        return _copy(value)
    if not new or new.keys() != place.keys() or not all(_alike(new[name], place[name]) for name in new):
        return _copy(value)
    for name, array in new.items():
        np.copyto(place[name], array)
    return old


def _alike(a: Array, b: Array) -> bool:
    """Whether one array can hold the other; an array in another layout is another one."""
    return a.shape == b.shape and a.dtype == b.dtype and layout(a) == layout(b) and b.flags.writeable


def _copy(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return copied(value)
    if isinstance(value, _LAYERS):
        return type(value)(value.config, {name: copied(array) for name, array in value.params.items()})  # type: ignore[arg-type]  # its own
    if isinstance(value, Base):
        return Base(copied(value.weight), None if value.bias is None else copied(value.bias))
    if isinstance(value, dict):
        return {name: _copy(part) for name, part in value.items()}
    return value
