"""Products and sums tile by tile: an accumulator for each tile of the result, and a loop over tiles of terms."""

import numpy as np
from _tiled_memory import COLUMNS, FEATURES, FIRST, PAIRS, TOKENS, tiles


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


def sum_over_rows(space, term, out, rows_of_term, dtype):
    """out[0, c] = Σ_r term(r, c), with ``term`` a function from positions to a tile that is zero outside."""
    for columns in tiles(out.columns, COLUMNS):
        total = space.zeros("column", (1, len(columns)), dtype)
        for rows in tiles(rows_of_term, TOKENS):
            total += term(rows, columns).sum(0)
        out.store(FIRST, columns, total)


def sum_over_columns(space, term, rows, columns_of_term, dtype):
    """Σ_c term(r, c) for each row of a tile, [rows, 1]."""
    total = space.zeros("row", (len(rows), 1), dtype)
    for columns in tiles(columns_of_term, COLUMNS):
        total += term(rows, columns).sum(1, keepdims=True)
    return total


def gather_dot(space, table, ids, source, rows, dtype):
    """Inner products [pairs] of rows of a table and rows of a source."""
    total = space.zeros("dot", ids.shape, dtype)
    for features in tiles(source.columns, FEATURES):
        total += (table.load(ids, features, dtype) * source.load(rows, features, dtype)).sum(1)
    return total


def scatter(space, targets, factors, source, source_rows, out, dtype, order=None):
    """Add to each row of ``out`` its pairs' factor times source row; pairs are taken in the order of their targets."""
    for pairs in tiles(len(targets), PAIRS):
        inside = pairs < len(targets)
        at = np.where(inside, pairs, len(targets) - 1)
        at = at if order is None else order[at]
        factor = np.where(inside, factors[at], 0)[:, None]
        row = targets[at]
        starts = np.flatnonzero(np.append(True, row[1:] != row[:-1]))
        for columns in tiles(out.columns, COLUMNS):
            sums = np.add.reduceat(factor * source.load(source_rows[at], columns, dtype), starts, 0)
            out.store(row[starts], columns, sums + out.load(row[starts], columns, dtype))
