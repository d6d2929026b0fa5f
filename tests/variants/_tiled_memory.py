"""Memory as kernels see it: flat storage with strides and offsets, tiles with tails, buffers that are used again."""

from dataclasses import dataclass, replace
from hashlib import blake2b
from math import prod

import numpy as np

TOKENS, ROWS, FEATURES, COLUMNS = 256, 1024, 256, 256
SUB_KEYS, CELLS, SLOTS, PAIRS = 128, 1024, 64, 4096
"""The largest tiles. A row is a token with a head, a slot one of its experts, a cell one of their candidates."""
LANES = 8
"""Tiles are whole vectors of this many numbers, and rows of packed parameters begin at one."""
KEPT = 64
"""Packed parameters that are kept for later calls."""
FIRST = np.zeros(1, np.int64)
"""The row of a matrix with one row."""


def ceil_div(a, b):
    return (a + b - 1) // b


def tiles(total, size):
    """The positions of each tile of an axis, at most ``size``; those of the last tile may reach beyond the end."""
    length = min(size, padded(total))
    for tile in range(ceil_div(total, size)):
        yield tile * length + np.arange(length)


def padded(count):
    return ceil_div(count, LANES) * LANES


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
        """Offsets of the entries of a tile; what is outside is clipped to the last row and column."""
        starts = self.offset + np.minimum(rows, self.rows - 1) * self.row_stride
        return starts[..., None] + np.minimum(columns, self.columns - 1) * self.column_stride

    def inside(self, rows, columns):
        """Which entries of a tile are in the matrix; None if all are."""
        row, column = rows < self.rows, columns < self.columns
        return None if row.all() and column.all() else row[..., None] & column

    def load(self, rows, columns, dtype):
        """The entries [..., columns] of any rows in ``dtype``, zero outside the matrix."""
        values, inside = self.flat[self.at(rows, columns)].astype(dtype), self.inside(rows, columns)
        return values if inside is None else np.where(inside, values, dtype.type(0))

    def store(self, rows, columns, values):
        """Write the part of a tile that is inside."""
        at, inside = self.at(rows, columns), self.inside(rows, columns)
        self.flat[at if inside is None else at[inside]] = values if inside is None else values[inside]

    def rows_from(self, start, count):
        return replace(self, rows=count, offset=self.offset + start * self.row_stride)

    def columns_from(self, start, count):
        return replace(self, columns=count, offset=self.offset + start * self.column_stride)

    def by_head(self, heads):
        """A matrix [tokens, heads · d] without gaps as [tokens · heads, d]."""
        width = self.columns // heads
        return replace(self, rows=self.rows * heads, columns=width, row_stride=width)

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
    """Parameters as matrices whose rows are padded; equal contents are packed once."""

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
    """All axes but the last as rows, with a stride of whole vectors and zeros for padding."""
    width, rows = array.shape[-1], prod(array.shape[:-1])
    stride = padded(width)
    flat = np.zeros(rows * stride, array.dtype)
    flat.reshape(rows, stride)[:, :width] = array.reshape(rows, width)
    return Matrix(flat, rows, width, stride)


def matrix_of(array):
    """All axes but the last as rows, without a copy where the memory allows."""
    width = array.shape[-1]
    flat = np.ascontiguousarray(array).reshape(-1)
    return Matrix(flat, len(flat) // width, width, width)
