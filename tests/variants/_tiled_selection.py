"""Selection by partial top-k: the best of each tile are merged into the best so far."""

import numpy as np
from _tiled_memory import CELLS, SUB_KEYS, tiles

INTEGER = {np.dtype(np.float32): np.int32, np.dtype(np.float64): np.int64}


def sort_keys(values):
    """Integers in the order of the values: −0 equals 0, and NaN is below −∞, but above the padding."""
    integer = INTEGER[values.dtype]
    low = np.iinfo(integer).min
    bits = (values + values.dtype.type(0)).view(integer)
    keys = np.where(bits < 0, bits ^ np.iinfo(integer).max, bits)
    return np.where(np.isnan(values), integer(low + 1), keys)


class Best:
    """The ``count`` best values of each row so far, best first, equal ones by lower position."""

    def __init__(self, rows, count, dtype):
        self.count = count
        self.keys = np.full((rows, count), np.iinfo(INTEGER[dtype]).min, INTEGER[dtype])
        self.values = np.zeros((rows, count), dtype)
        self.positions = np.zeros((rows, count), np.int64)

    def merge(self, values, positions, inside):
        """Take in a tile of later positions; what is not ``inside`` is padding."""
        padding = np.iinfo(self.keys.dtype).min
        keys = np.where(inside, sort_keys(values), padding).astype(self.keys.dtype)
        tile = best_of(self.count, keys, values, np.broadcast_to(positions, values.shape))
        held = (self.keys, self.values, self.positions)
        both = (np.concatenate(pair, 1) for pair in zip(held, tile, strict=True))
        self.keys, self.values, self.positions = best_of(self.count, *both)


def best_of(count, keys, *parts):
    """The ``count`` largest keys of each row and what belongs to them, equal keys by lower position."""
    order = np.argsort(~keys, 1, kind="stable")[:, :count]
    flat = np.arange(len(keys))[:, None] * keys.shape[1] + order
    return [part.reshape(-1)[flat] for part in (keys, *parts)]


def best_sub_keys(half_scores, rows, n, k, dtype):
    """The best sub-keys of a half; ``half_scores`` is a function from positions to a tile of half scores."""
    best = Best(len(rows), min(k, n), dtype)
    for sub_keys in tiles(n, SUB_KEYS):
        best.merge(half_scores(rows, sub_keys), sub_keys, sub_keys < n)
    return best


def best_experts(first, second, n, k, dtype):
    """Scores and ids of the k best cells of the grid of two halves, in tiles of its cells row by row."""
    side = first.count
    best = Best(len(first.values), k, dtype)
    for cells in tiles(side * side, CELLS):
        inside = cells < side * side
        a, b = np.divmod(np.where(inside, cells, 0), side)
        best.merge(first.values[:, a] + second.values[:, b], cells, inside)
    a, b = np.divmod(best.positions, side)
    i, j = (np.take_along_axis(half.positions, at, 1) for half, at in ((first, a), (second, b)))
    return best.values, i * n + j
