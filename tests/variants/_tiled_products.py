"""Products and sums tile by tile: an accumulator for each tile of the result, and a loop over tiles of terms."""

import numpy as np
from _tiled_memory import COLUMNS, FEATURES, FIRST, SLOTS, TOKENS, tiles


def product(space, a, b, out, dtype, bias=None, add=False):
    """out[r, c] = Σ_f a[r, f] · b[c, f], plus a bias for each column, or plus what ``out`` holds."""
    for rows in tiles(out.rows, TOKENS):
        for columns in tiles(out.columns, COLUMNS):
            total = product_tile(space, a, b, rows, columns, dtype)
            if bias is not None:
                total += bias.load(FIRST, columns, dtype)
            if add:
                total += out.load(rows, columns, dtype)
            out.store(rows, columns, total)


def product_tile(space, a, b, rows, columns, dtype):
    """One tile of a product."""
    total = space.zeros("product", (len(rows), len(columns)), dtype)
    for features in tiles(a.columns, FEATURES):
        total += a.load(rows, features, dtype) @ b.load(columns, features, dtype).T
    return total


def sum_over_tokens(space, term, out, tokens, dtype):
    """out[0, c] = Σ_t term(t, c), with ``term`` a function from positions to a tile that is zero outside."""
    for columns in tiles(out.columns, COLUMNS):
        total = space.zeros("column", (1, COLUMNS), dtype)
        for rows in tiles(tokens, TOKENS):
            total += term(rows, columns).sum(0)
        out.store(FIRST, columns, total)


def sum_over_features(space, term, rows, features, dtype):
    """Σ_c term(t, c) for each token of a tile, [rows, 1]."""
    total = space.zeros("row", (len(rows), 1), dtype)
    for columns in tiles(features, COLUMNS):
        total += term(rows, columns).sum(1, keepdims=True)
    return total


def gather_dot(space, table, ids, source, rows, dtype):
    """Inner products [rows, slots] of each token with the rows of a table that its slots name."""
    total = space.zeros("dot", ids.shape, dtype)
    for features in tiles(source.columns, FEATURES):
        total += np.einsum("tsf,tf->ts", table.gather(ids, features, dtype), source.load(rows, features, dtype))
    return total


def gather_sum(table, ids, weights, columns, dtype):
    """Weighted sums [rows, columns] of the rows of a table that the slots of each token name."""
    return np.einsum("ts,tsc->tc", weights, table.gather(ids, columns, dtype))


def slots_of(count):
    """Tiles of the slots of a token."""
    return tiles(count, SLOTS)
