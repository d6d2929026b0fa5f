"""The query norm and its backward pass.

Statistics are matrices of the shape of the queries. Those of ``batch`` belong to a feature: a row stride of 0 shows one
number to all tokens. Those of ``layer`` belong to a token and a head: a column stride of 0 shows one to all features.
"""

import numpy as np
from _tiled_memory import COLUMNS, FIRST, TOKENS, Matrix, tiles
from _tiled_products import sum_over_columns, sum_over_rows

EPS, MOMENTUM = 1e-5, 0.1


class Norm:
    """What both norms share; ``raw`` are the queries before the norm, ``parameters`` one row of h · d numbers each."""

    def __init__(self, space, raw, parameters, dtype):
        self.space, self.raw, self.parameters, self.dtype = space, raw, parameters, dtype
        self.zero = dtype.type(0)

    def parameter(self, name, rows, columns):
        return self.parameters[name].load(FIRST, columns, self.dtype)

    def raw_tile(self, rows, columns):
        return self.raw.load(rows, columns, self.dtype)

    def away(self, rows, columns):
        return self.raw_tile(rows, columns) - self.mean.load(rows, columns, self.dtype)

    def root(self, rows, columns):
        return 1 / np.sqrt(self.var.load(rows, columns, self.dtype) + self.dtype.type(EPS))

    def unit(self, rows, columns):
        """Queries with mean 0 and variance 1."""
        return self.away(rows, columns) * self.root(rows, columns)

    def apply(self, out):
        for rows in tiles(out.rows, TOKENS):
            for columns in tiles(out.columns, COLUMNS):
                scaled = self.unit(rows, columns) * self.parameter("scale", rows, columns)
                out.store(rows, columns, scaled + self.parameter("bias", rows, columns))

    def dq_tile(self, rows, columns):
        return self.dq.load(rows, columns, self.dtype)

    def dunit(self, rows, columns):
        return self.dq_tile(rows, columns) * self.parameter("scale", rows, columns)

    def dunit_unit(self, rows, columns):
        return self.dunit(rows, columns) * self.unit(rows, columns)

    def backward(self, dq, out, dscale):
        """The gradient of the queries before the norm, and the terms of that of the scale."""
        self.dq = dq
        for rows in tiles(out.rows, TOKENS):
            means = self.means(rows)
            for columns in tiles(out.columns, COLUMNS):
                inner = self.dunit(rows, columns) - self.through_statistics(means, rows, columns)
                out.store(rows, columns, inner * self.root(rows, columns))
                dscale.store(rows, columns, self.dq_tile(rows, columns) * self.unit(rows, columns))


class BatchNorm(Norm):
    """Queries are [tokens, h · d]; without ``training`` the running statistics are constants."""

    def __init__(self, space, raw, parameters, dtype, mask, training):
        super().__init__(space, raw, parameters, dtype)
        self.mask, self.training, self.counted = mask, training, np.count_nonzero(mask)
        if not training:
            self.mean, self.var = (self.shown(parameters[name]) for name in ("mean", "var"))
            return
        if not self.counted:
            raise ValueError("training needs at least one counted token")
        self.mean = self.summed("mean", self.counted_raw)
        self.var = self.summed("var", self.counted_square)

    def shown(self, row):
        """One number for each feature, shown to all tokens."""
        return Matrix(row.flat, self.raw.rows, row.columns, 0, 1, row.offset)

    def summed(self, name, term):
        """The sum of a term over all tokens."""
        out = self.space.matrix(name, 1, self.raw.columns, self.dtype)
        sum_over_rows(self.space, term, out, self.raw.rows, self.dtype)
        return self.shown(out)

    def counts(self, rows):
        """Whether each token of a tile is counted, [rows, 1]."""
        inside = rows < len(self.mask)
        return (inside & self.mask[np.where(inside, rows, 0)])[:, None]

    def counted_raw(self, rows, columns):
        return np.where(self.counts(rows), self.raw_tile(rows, columns), self.zero) / self.dtype.type(self.counted)

    def counted_square(self, rows, columns):
        away = self.away(rows, columns)
        return np.where(self.counts(rows), away * away, self.zero) / self.dtype.type(self.counted)

    def new_running_statistics(self, name, out):
        """0.9 · old + 0.1 · batch."""
        old, new, batch = self.dtype.type(1 - MOMENTUM), self.dtype.type(MOMENTUM), getattr(self, name)
        for columns in tiles(self.raw.columns, COLUMNS):
            running = self.parameter(name, FIRST, columns)
            out.store(FIRST, columns, old * running + new * batch.load(FIRST, columns, self.dtype))

    def backward(self, dq, out, dscale):
        self.dq = dq
        if self.training:
            self.sums = [self.summed(f"sum of {term.__name__}", term) for term in (self.dunit, self.dunit_unit)]
        super().backward(dq, out, dscale)

    def means(self, rows):
        """G and H of B9: sums over all tokens, divided by the number of counted ones."""
        if not self.training:
            return None
        return lambda columns: (
            part.load(FIRST, columns, self.dtype) / self.dtype.type(self.counted) for part in self.sums
        )

    def through_statistics(self, means, rows, columns):
        """G + r̂ H, for counted tokens alone."""
        if means is None:
            return self.zero
        g, h = means(columns)
        return np.where(self.counts(rows), g + self.unit(rows, columns) * h, self.zero)


class LayerNorm(Norm):
    """Queries are [tokens · heads, d]; scale and bias depend on the head of a row."""

    def __init__(self, space, raw, parameters, dtype, heads):
        super().__init__(space, raw, parameters, dtype)
        self.heads = heads
        mean, self.mean = self.by_row("mean")
        var, self.var = self.by_row("var")
        for rows in tiles(raw.rows, TOKENS):
            mean.store(rows, FIRST, self.mean_of(self.raw_tile, rows))
            var.store(rows, FIRST, self.mean_of(self.square, rows))

    def by_row(self, name):
        """One number for each row, shown to all features."""
        flat = self.space.take(name, self.raw.rows, self.dtype)
        return Matrix(flat, self.raw.rows, 1, 1), Matrix(flat, self.raw.rows, self.raw.columns, 1, 0)

    def mean_of(self, term, rows):
        total = sum_over_columns(self.space, term, rows, self.raw.columns, self.dtype)
        return total / self.dtype.type(self.raw.columns)

    def square(self, rows, columns):
        away = self.away(rows, columns)
        return np.where(columns < self.raw.columns, away * away, self.zero)

    def parameter(self, name, rows, columns):
        row = self.parameters[name]
        return Matrix(row.flat, self.heads, self.raw.columns, self.raw.columns).load(
            rows % self.heads, columns, self.dtype
        )

    def means(self, rows):
        return [self.mean_of(term, rows) for term in (self.dunit, self.dunit_unit)]

    def through_statistics(self, means, rows, columns):
        """G + r̂ H."""
        return means[0] + self.unit(rows, columns) * means[1]
