"""The arguments of a call: private copies for each call, or the arrays of the last call with new values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerspec.reference import Layer

__all__ = ["InPlace", "Strided", "arrays", "as_laid_out", "private", "same_bits"]

Array = NDArray[Any]


@dataclass(frozen=True)
class Strided:
    """An array with gaps between its rows; pickling alone would close the gaps."""

    array: Array


class InPlace(dict[str, Any]):
    """Arguments whose values are written into the arrays of the last call of the same method, where these fit.

    A program that trains a layer changes its parameters like that: same objects, same addresses, other numbers.
    """


def as_laid_out(array: Array) -> Array | Strided:
    """The array as an argument that keeps its gaps, if it has any, on the way to the backend."""
    return array if array.flags.c_contiguous or array.flags.f_contiguous else Strided(array)


def private(arguments: Mapping[str, Any], last: Mapping[str, Any]) -> dict[str, Any]:
    """Copies of the arguments for one call; ``InPlace`` go into ``last``, the copies of an earlier call."""
    olds = last if isinstance(arguments, InPlace) else {}
    return {key: _placed(value, olds.get(key)) for key, value in arguments.items()}


def arrays(arguments: Mapping[str, Any]) -> dict[str, Array]:
    """The arrays among the arguments by name, parameters of a layer included."""
    found: dict[str, Array] = {}
    for key, value in arguments.items():
        if isinstance(value, np.ndarray):
            found[key] = value
        elif isinstance(value, Strided):
            found[key] = value.array
        elif isinstance(value, Layer):
            found |= value.params
    return found


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


_SMALL = 1 << 16
"""Bytes of an array that is compared faster by copies."""


def _bytes(array: Array) -> Array:
    """The bytes in row order, without a copy if the array lies in this order."""
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8)


def _placed(value: Any, old: Any) -> Any:
    """A copy of the value, or the old object with its bits."""
    new, place = (arrays({"": part}) for part in (value, old))
    if type(value) is Layer and (not isinstance(old, Layer) or old.config != value.config):
        return _copy(value)
    if not new or new.keys() != place.keys() or not all(_alike(new[name], place[name]) for name in new):
        return _copy(value)
    for name, array in new.items():
        np.copyto(place[name], array)
    return old


def _alike(a: Array, b: Array) -> bool:
    """Whether one array can hold the other; an array in another order of memory is another one."""
    orders = [array.flags.c_contiguous for array in (a, b)]
    return a.shape == b.shape and a.dtype == b.dtype and orders[0] == orders[1] and b.flags.writeable


def _copy(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.copy(order="K")
    if isinstance(value, Strided):
        return _with_gaps(value.array)
    if isinstance(value, Layer):
        return Layer(value.config, {name: array.copy(order="K") for name, array in value.params.items()})
    return value


def _with_gaps(value: Array) -> Array:
    view = np.zeros((2 * len(value), *value.shape[1:]), value.dtype)[::2]
    view[...] = value
    return view
