"""Expert tables in fewer bytes: float16, or int8 with a factor for each row (SPEC.md, ONX-9, ONX-10).

Only ``experts.*`` of a float32 layer are stored so. In int8, a row is whole numbers in −127 … 127 times a float32
factor, which the parameter of the same name with ``_scale`` holds. Such a model is conformant as the layer that its
tables widen to; ``table_error`` measures how far that is from the layer they were made from.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import EllipsisType
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from peerspec.export.errors import ExportError
from peerspec.reference import Layer, PeerConfig
from peerspec.reference.experts import expert_stage
from peerspec.reference.forward import forward

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
    "table_error",
    "widened",
]

Tables = Literal["float16", "int8"]

FORMATS: dict[str, np.dtype] = {"float16": np.dtype(np.float16), "int8": np.dtype(np.int8)}
"""The element type of the tables by format."""

SCALE = "_scale"
"""What a parameter's factors are named after it."""

_LARGEST = 127
_TOKENS = 64


class Rows(Protocol):
    """What an exported tensor is made of: an array, or something that makes a slice of its rows when asked."""

    @property
    def dtype(self) -> np.dtype: ...  # noqa: D102  # that of an array, as the others
    @property
    def shape(self) -> tuple[int, ...]: ...  # noqa: D102
    @property
    def nbytes(self) -> int: ...  # noqa: D102
    def __len__(self) -> int: ...
    def __getitem__(self, rows: slice | EllipsisType, /) -> NDArray[Any]: ...


@dataclass(frozen=True)
class _Made:
    """Rows made from those of ``source``; a table of gigabytes is never made whole."""

    source: NDArray[Any]
    make: Callable[[NDArray[Any]], NDArray[Any]]
    dtype: np.dtype
    shape: tuple[int, ...]

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice | EllipsisType, /) -> NDArray[Any]:
        return self.make(self.source[rows])


def is_table(parameter: str) -> bool:
    """Whether a parameter is stored in fewer bytes."""
    return parameter.startswith("experts.")


def inputs(config: PeerConfig, tables: Tables | None = None) -> dict[str, tuple[int, ...]]:
    """Name and shape of what a layer's node takes beside x, in order: those of PAR-1, and each table's factors."""
    shapes: dict[str, tuple[int, ...]] = {}
    for name, shape in config.shapes().items():
        shapes[name] = shape
        if tables == "int8" and is_table(name):
            shapes[name + SCALE] = shape[:1]
    return shapes


def check_tables(dtype: np.dtype, tables: Tables | None) -> None:
    """Refuse an unknown format, or a layer that is not float32.

    Raises:
        ExportError: as said.
    """
    if tables is None:
        return
    if tables not in FORMATS:
        raise ExportError(f"tables must be one of {', '.join(FORMATS)}, or None as they are, got {tables!r} (ONX-10)")
    if dtype != np.float32:
        raise ExportError(f"{tables} tables need a float32 layer, this one is {dtype}; convert it first (ONX-10)")


def narrowed(name: str, array: NDArray[Any], tables: Tables) -> dict[str, Rows]:
    """What stands for a table in the model, by name: its rows in fewer bytes, and their factors."""
    if tables == "float16":
        return {name: _Made(array, lambda rows: _half(name, rows), FORMATS[tables], array.shape)}
    factors = _Made(array, _factors, np.dtype(np.float32), array.shape[:1])
    return {name: _Made(array, _whole, FORMATS[tables], array.shape), name + SCALE: factors}


def widened(stored: Mapping[str, NDArray[Any]], config: PeerConfig, tables: Tables | None) -> dict[str, NDArray[Any]]:
    """The parameters that stored ones mean: themselves, or tables in float32."""
    return {
        name: _wide(stored[name], stored.get(name + SCALE)) if tables and is_table(name) else stored[name]
        for name in config.shapes()
    }


def rounded(name: str, rows: NDArray[Any], tables: Tables) -> NDArray[Any]:
    """Rows of a table as they are after they were narrowed and widened."""
    parts = {part: made[...] for part, made in narrowed(name, rows, tables).items()}
    return _wide(parts[name], parts.get(name + SCALE))


def table_error(layer: Layer, tables: Tables) -> float:
    """‖ŷ − y‖ / ‖y‖ in float64, ŷ with narrowed tables, over 64 standard normal tokens (ONX-10)."""
    x = np.random.default_rng(0).standard_normal((_TOKENS, layer.config.d_model), np.float32)
    whole = forward(layer, x)
    assert whole.indices is not None  # forward always shows its routing
    assert whole.gates is not None
    picked, ids = np.unique(whole.indices, return_inverse=True)
    alone, tokens = _alone(layer, picked, tables), x.astype(np.float64)
    ids = ids.reshape(whole.indices.shape)
    y = expert_stage(alone, tokens, ids, whole.gates)
    size = float(np.linalg.norm(whole.y))
    return float(np.linalg.norm(y - whole.y)) / size if size else 0.0


def _alone(layer: Layer, picked: NDArray[np.int64], tables: Tables) -> Layer:
    """A layer whose first experts are those picked, narrowed and widened; the rest of it is not used."""
    side = math.isqrt(max(len(picked), layer.config.top_k) - 1) + 1
    config = replace(layer.config, num_experts=side**2)
    params = {name: array for name, array in layer.params.items() if not is_table(name)}
    params["keys"] = np.zeros(config.shapes()["keys"], np.float32)
    for name, shape in config.shapes().items():
        if is_table(name):
            params[name] = np.resize(rounded(name, layer.params[name][picked], tables), shape)
    return Layer(config, {name: params[name] for name in config.shapes()})


def _half(name: str, rows: NDArray[Any]) -> NDArray[Any]:
    with np.errstate(over="ignore"):
        half = rows.astype(np.float16)
    if not np.isfinite(half).all():
        raise ExportError(
            f"{name} holds {np.abs(rows).max():.3g} and the largest float16 is 65504; "
            "store the tables as int8 or as they are"
        )
    return half


def _factors(rows: NDArray[Any]) -> NDArray[Any]:
    """The largest magnitude of each row is 127 factors."""
    return np.abs(rows).max(axis=1) / np.float32(_LARGEST)


def _whole(rows: NDArray[Any]) -> NDArray[Any]:
    factors = _factors(rows)[:, None]
    steps = np.divide(rows, factors, out=np.zeros(rows.shape, np.float32), where=factors > 0)
    return np.rint(steps).clip(-_LARGEST, _LARGEST).astype(np.int8)


def _wide(rows: NDArray[Any], factors: NDArray[Any] | None) -> NDArray[Any]:
    wide = rows.astype(np.float32)
    return wide if factors is None else np.multiply(wide, factors[:, None], out=wide)
