"""Expert tables in fewer bytes: float16, or int8 with a factor for each row (SPEC.md, ONX-9, ONX-10).

Only the tables ``experts.*`` of a float32 layer are stored in this way. In int8, a row is whole numbers in −127 … 127
times a float32 factor, stored under the name of the table and ``_scale``. Such a model conforms as the layer that its
tables widen to.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import EllipsisType
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from peerspec.export.errors import ExportError
from peerspec.reference import PeerConfig

__all__ = [
    "FORMATS",
    "SCALE",
    "Rows",
    "Tables",
    "check_tables",
    "inputs",
    "is_table",
    "narrowed",
    "rounded",
    "widened",
]

Tables = Literal["float16", "int8"]

FORMATS: dict[str, np.dtype] = {"float16": np.dtype(np.float16), "int8": np.dtype(np.int8)}
"""The dtype of the stored tables by format."""

SCALE = "_scale"
"""The ending of the name of a table's factors."""

_INT8_LIMIT = 127


class Rows(Protocol):
    """The source of an exported tensor: an array, or an object that computes any slice of its rows."""

    @property
    def dtype(self) -> np.dtype: ...  # noqa: D102  # as in an array
    @property
    def shape(self) -> tuple[int, ...]: ...  # noqa: D102
    @property
    def nbytes(self) -> int: ...  # noqa: D102
    def __len__(self) -> int: ...
    def __getitem__(self, rows: slice | EllipsisType, /) -> NDArray[Any]: ...


@dataclass(frozen=True)
class _ComputedRows:
    """Rows computed from those of ``source``, slice by slice: a table of gigabytes never exists whole."""

    source: NDArray[Any]
    compute: Callable[[NDArray[Any]], NDArray[Any]]
    dtype: np.dtype
    shape: tuple[int, ...]

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice | EllipsisType, /) -> NDArray[Any]:
        return self.compute(self.source[rows])


def is_table(parameter: str) -> bool:
    """Whether a parameter is a table of experts, which may be stored in fewer bytes."""
    return parameter.startswith("experts.")


def inputs(config: PeerConfig, tables: Tables | None = None) -> dict[str, tuple[int, ...]]:
    """Name and shape of each input of a layer's node other than x, in order, with the factors of tables (PAR-1)."""
    shapes: dict[str, tuple[int, ...]] = {}
    for name, shape in config.shapes().items():
        shapes[name] = shape
        if tables == "int8" and is_table(name):
            shapes[name + SCALE] = shape[:1]
    return shapes


def check_tables(dtype: np.dtype, tables: Tables | None) -> None:
    """Check that a layer of ``dtype`` can have its tables in the format ``tables``.

    Raises:
        ExportError: the format is unknown, or the layer is not float32.
    """
    if tables is None:
        return
    if tables not in FORMATS:
        raise ExportError(
            f"tables must be one of {', '.join(FORMATS)}, or None to keep them as they are, got {tables!r} (ONX-10)"
        )
    if dtype != np.float32:
        raise ExportError(f"{tables} tables need a float32 layer, this one is {dtype}; convert it first (ONX-10)")


def narrowed(name: str, array: NDArray[Any], tables: Tables) -> dict[str, Rows]:
    """The tensors that store a table in the format ``tables``, by name: its rows, and for int8 their factors."""
    if tables == "float16":
        return {name: _ComputedRows(array, lambda rows: _to_float16(name, rows), FORMATS[tables], array.shape)}
    factors = _ComputedRows(array, _factors, np.dtype(np.float32), array.shape[:1])
    return {name: _ComputedRows(array, _to_int8, FORMATS[tables], array.shape), name + SCALE: factors}


def widened(stored: Mapping[str, NDArray[Any]], config: PeerConfig, tables: Tables | None) -> dict[str, NDArray[Any]]:
    """The parameters of the layer, from stored ones: tables in fewer bytes are widened to float32."""
    return {
        name: _widen(stored[name], stored.get(name + SCALE)) if tables and is_table(name) else stored[name]
        for name in config.shapes()
    }


def rounded(name: str, rows: NDArray[Any], tables: Tables) -> NDArray[Any]:
    """Rows of a table, narrowed to the format ``tables`` and widened again."""
    parts = {part: stored[...] for part, stored in narrowed(name, rows, tables).items()}
    return _widen(parts[name], parts.get(name + SCALE))


def _to_float16(name: str, rows: NDArray[Any]) -> NDArray[Any]:
    with np.errstate(over="ignore"):
        half = rows.astype(np.float16)
    if not np.isfinite(half).all():
        raise ExportError(
            f"{name} holds {np.abs(rows).max():.3g} and the largest float16 is 65504; "
            "store the tables as int8 or as they are"
        )
    return half


def _factors(rows: NDArray[Any]) -> NDArray[Any]:
    """The factor of each row: its largest magnitude divided by 127."""
    return np.abs(rows).max(axis=1) / np.float32(_INT8_LIMIT)


def _to_int8(rows: NDArray[Any]) -> NDArray[Any]:
    factors = _factors(rows)[:, None]
    steps = np.divide(rows, factors, out=np.zeros(rows.shape, np.float32), where=factors > 0)
    return np.rint(steps).clip(-_INT8_LIMIT, _INT8_LIMIT).astype(np.int8)


def _widen(rows: NDArray[Any], factors: NDArray[Any] | None) -> NDArray[Any]:
    wide = rows.astype(np.float32)
    return wide if factors is None else np.multiply(wide, factors[:, None], out=wide)
