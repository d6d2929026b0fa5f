"""Memory as kernels see it: flat storage with strides and offsets, tiles with tails, buffers that are used again."""

from dataclasses import dataclass, replace
from hashlib import blake2b
from math import prod

import numpy as np

TOKENS, ROWS, FEATURES, COLUMNS, SUB_KEYS, CELLS, SLOTS, PAIRS = 32, 64, 32, 32, 32, 128, 16, 256
"""The lengths of tiles. Rows are pairs of a token and a head, slots the experts of a row, cells their candidates."""
LANES = 8
"""Rows of packed parameters begin at multiples of this many numbers."""
KEPT = 64
"""Packed parameters that are kept for later calls."""
FIRST = np.zeros(1, np.int64)
"""The row of a matrix with one row."""


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
        inside = (rows[..., None] < self.rows) & (columns < self.columns)
        offsets = self.offset + rows[..., None] * self.row_stride + columns * self.column_stride
        return np.where(inside, offsets, 0), inside

    def load(self, rows, columns, dtype):
        """The entries [..., columns] of any rows in ``dtype``, zero outside the matrix."""
        at, inside = self.at(rows, columns)
        return np.where(inside, self.flat[at].astype(dtype), dtype.type(0))

    def store(self, rows, columns, values):
        """Write the part of a tile that is inside."""
        at, inside = self.at(rows, columns)
        self.flat[at[inside]] = values[inside]

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
    stride = ceil_div(width, LANES) * LANES
    flat = np.zeros(rows * stride, array.dtype)
    flat.reshape(rows, stride)[:, :width] = array.reshape(rows, width)
    return Matrix(flat, rows, width, stride)


def matrix_of(array):
    """All axes but the last as rows, without a copy where the memory allows."""
    width = array.shape[-1]
    flat = np.ascontiguousarray(array).reshape(-1)
    return Matrix(flat, len(flat) // width, width, width)
