"""Memory as kernels see it: flat storage with strides and offsets, tiles with tails, buffers that are used again."""

from dataclasses import dataclass, replace
from hashlib import blake2b
from math import prod

import numpy as np

TOKENS, FEATURES, COLUMNS, SUB_KEYS, CELLS, SLOTS, PAIRS = 32, 16, 16, 16, 64, 8, 64
"""The lengths of tiles; SLOTS counts the experts of a token, CELLS the candidates of a head."""
FIRST = np.zeros(1, np.int64)
"""The row of a matrix with one row."""
KEPT = 64
"""Packed parameters that are kept for later calls."""


def ceil_div(a, b):
    return (a + b - 1) // b


def tiles(total, size):
    """The positions [size] of each tile of an axis; those of the last tile may reach beyond the end."""
    for tile in range(ceil_div(total, size)):
        yield tile * size + np.arange(size)


@dataclass
class Matrix:
    """A matrix in flat storage: entry (r, c) is at offset + r · row_stride + c · column_stride."""

    flat: np.ndarray
    rows: int
    columns: int
    row_stride: int
    column_stride: int = 1
    offset: int = 0

    def at(self, rows, columns):
        """Offsets of the entries of a tile, and which of them are inside the matrix."""
        inside = (rows[:, None] < self.rows) & (columns < self.columns)
        offsets = self.offset + rows[:, None] * self.row_stride + columns * self.column_stride
        return np.where(inside, offsets, 0), inside

    def load(self, rows, columns, dtype):
        """A tile in ``dtype``, zero outside the matrix."""
        at, inside = self.at(rows, columns)
        return np.where(inside, self.flat[at].astype(dtype), dtype.type(0))

    def store(self, rows, columns, values):
        """Write the part of a tile that is inside."""
        at, inside = self.at(rows, columns)
        self.flat[at[inside]] = values[inside]

    def gather(self, rows, columns, dtype):
        """Entries [..., columns] of any rows, without a mask: tables are padded to whole tiles with zeros."""
        return self.flat[self.offset + rows[..., None] * self.row_stride + columns].astype(dtype)

    def rows_from(self, start, count):
        return replace(self, rows=count, offset=self.offset + start * self.row_stride)

    def columns_from(self, start, count):
        return replace(self, columns=count, offset=self.offset + start * self.column_stride)

    def transposed(self):
        return Matrix(self.flat, self.columns, self.rows, self.column_stride, self.row_stride, self.offset)


class Workspace:
    """Buffers by name that grow, and still hold what the call before left in them."""

    def __init__(self):
        self.buffers = {}

    def take(self, name, size, dtype):
        held = self.buffers.get((name, dtype))
        if held is None or len(held) < size:
            held = self.buffers[name, dtype] = np.full(size, -1, dtype)
        return held[:size]

    def matrix(self, name, rows, columns, dtype):
        return Matrix(self.take(name, rows * columns, dtype), rows, columns, columns)

    def zeros(self, name, shape, dtype):
        """An accumulator."""
        held = self.take(name, prod(shape), dtype)
        held[:] = 0
        return held.reshape(shape)


class PackedParameters:
    """Parameters as matrices whose rows are padded to whole tiles; equal contents are packed once."""

    def __init__(self):
        self.packed = {}

    def of(self, array):
        content = np.ascontiguousarray(array).tobytes()
        key = (array.shape, array.dtype, blake2b(content).digest())
        if key not in self.packed:
            if len(self.packed) >= KEPT:
                self.packed.clear()
            self.packed[key] = pack(array)
        return self.packed[key]


def pack(array):
    """All axes but the last as rows, with a stride of whole tiles and zeros for padding."""
    width, rows = array.shape[-1], prod(array.shape[:-1])
    stride = ceil_div(width, FEATURES) * FEATURES
    flat = np.zeros(rows * stride, array.dtype)
    flat.reshape(rows, stride)[:, :width] = array.reshape(rows, width)
    return Matrix(flat, rows, width, stride)
