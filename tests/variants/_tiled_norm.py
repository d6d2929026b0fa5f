"""The query norm and its backward pass, one head at a time.

Mean and variance are matrices of the shape of the queries: a stride of 0 shows one number to all tokens, or to all
features.
"""

import numpy as np
from _tiled_memory import COLUMNS, FIRST, TOKENS, Matrix, tiles
from _tiled_products import sum_over_features, sum_over_tokens

EPS, MOMENTUM = 1e-5, 0.1


class Norm:
    """The norm of one head; ``raw`` and ``out`` are its queries before and after it."""

    def __init__(self, space, kind, raw, mask, parameters, dtype):
        self.space, self.kind, self.raw, self.mask, self.dtype = space, kind, raw, mask, dtype
        self.parameters = parameters
        self.counted = np.count_nonzero(mask)

    def parameter(self, name, columns):
        return self.parameters[name].load(FIRST, columns, self.dtype)

    def over_tokens(self, name, head):
        """One number for each feature, shown to all tokens."""
        size = self.raw.columns
        flat = self.space.take(f"{name} {head}", size, self.dtype)
        return Matrix(flat, 1, size, 0), Matrix(flat, self.raw.rows, size, 0)

    def over_features(self, name, head):
        """One number for each token, shown to all features."""
        flat = self.space.take(f"{name} {head}", self.raw.rows, self.dtype)
        return Matrix(flat, self.raw.rows, 1, 1), Matrix(flat, self.raw.rows, self.raw.columns, 1, 0)

    def counts(self, rows):
        """Whether each token of a tile is counted, [rows, 1]."""
        inside = rows < len(self.mask)
        return (inside & self.mask[np.where(inside, rows, 0)])[:, None]

    def batch_statistics(self, head):
        """Mean and variance of the counted tokens."""
        mean, self.mean = self.over_tokens("mean", head)
        var, self.var = self.over_tokens("var", head)
        count, zero = self.dtype.type(self.counted), self.dtype.type(0)

        def value(rows, columns):
            return np.where(self.counts(rows), self.raw.load(rows, columns, self.dtype), zero) / count

        def square(rows, columns):
            away = self.raw.load(rows, columns, self.dtype) - mean.load(FIRST, columns, self.dtype)
            return np.where(self.counts(rows), away * away, zero) / count

        sum_over_tokens(self.space, value, mean, self.raw.rows, self.dtype)
        sum_over_tokens(self.space, square, var, self.raw.rows, self.dtype)

    def running_statistics(self):
        """The statistics of inference, shown to all tokens."""
        for name in ("mean", "var"):
            held = self.parameters[name]
            setattr(self, name, Matrix(held.flat, self.raw.rows, held.columns, 0, 1, held.offset))

    def layer_statistics(self, head):
        """Mean and variance of the features of each token."""
        mean, self.mean = self.over_features("mean", head)
        var, self.var = self.over_features("var", head)
        width, zero = self.dtype.type(self.raw.columns), self.dtype.type(0)

        def square(rows, columns):
            away = self.raw.load(rows, columns, self.dtype) - self.mean.load(rows, columns, self.dtype)
            return np.where(columns < self.raw.columns, away * away, zero)

        for rows in tiles(self.raw.rows, TOKENS):
            for term, out in ((lambda r, c: self.raw.load(r, c, self.dtype), mean), (square, var)):
                out.store(rows, FIRST, sum_over_features(self.space, term, rows, self.raw.columns, self.dtype) / width)

    def new_running_statistics(self, name, out):
        """0.9 · old + 0.1 · batch."""
        old, new = self.dtype.type(1 - MOMENTUM), self.dtype.type(MOMENTUM)
        for columns in tiles(self.raw.columns, COLUMNS):
            batch = getattr(self, name).load(FIRST, columns, self.dtype)
            out.store(FIRST, columns, old * self.parameter(name, columns) + new * batch)

    def root(self, rows, columns):
        return 1 / np.sqrt(self.var.load(rows, columns, self.dtype) + self.dtype.type(EPS))

    def unit(self, rows, columns):
        """Queries with mean 0 and variance 1."""
        away = self.raw.load(rows, columns, self.dtype) - self.mean.load(rows, columns, self.dtype)
        return away * self.root(rows, columns)

    def apply(self, out):
        for rows in tiles(out.rows, TOKENS):
            for columns in tiles(out.columns, COLUMNS):
                scaled = self.unit(rows, columns) * self.parameter("scale", columns)
                out.store(rows, columns, scaled + self.parameter("bias", columns))

    def backward(self, dq, dscale, dbias, out, frozen):
        """Gradients of scale and bias, and into ``out`` that of the queries before the norm."""
        self.dq = dq
        sum_over_tokens(self.space, lambda r, c: self.dq_tile(r, c) * self.unit(r, c), dscale, dq.rows, self.dtype)
        sum_over_tokens(self.space, self.dq_tile, dbias, dq.rows, self.dtype)
        if self.kind == "batch" and not frozen:
            self.means_over_tokens()
        for rows in tiles(out.rows, TOKENS):
            if self.kind == "layer":
                self.means_over_features(rows)
            for columns in tiles(out.columns, COLUMNS):
                inner = self.dunit(rows, columns)
                if not frozen:
                    inner = inner - self.through_statistics(rows, columns)
                out.store(rows, columns, inner * self.root(rows, columns))

    def dq_tile(self, rows, columns):
        return self.dq.load(rows, columns, self.dtype)

    def dunit(self, rows, columns):
        return self.dq_tile(rows, columns) * self.parameter("scale", columns)

    def dunit_unit(self, rows, columns):
        return self.dunit(rows, columns) * self.unit(rows, columns)

    def means_over_tokens(self):
        """G and H of B9: sums over all tokens, divided by the number of counted ones."""
        count = self.dtype.type(self.counted)
        self.means = [self.over_tokens(name, "")[0] for name in ("dunit", "dunit unit")]
        for term, out in zip((self.dunit, self.dunit_unit), self.means, strict=True):
            sum_over_tokens(self.space, term, out, self.raw.rows, self.dtype)
            out.flat[:] /= count

    def means_over_features(self, rows):
        width = self.dtype.type(self.raw.columns)
        terms = (self.dunit, self.dunit_unit)
        sums = [sum_over_features(self.space, term, rows, self.raw.columns, self.dtype).copy() for term in terms]
        self.means = [total / width for total in sums]

    def through_statistics(self, rows, columns):
        """G + r̂ H, for counted tokens alone if the statistics are those of the batch."""
        if self.kind == "layer":
            return self.means[0] + self.unit(rows, columns) * self.means[1]
        g, h = (part.load(FIRST, columns, self.dtype) for part in self.means)
        return np.where(self.counts(rows), g + self.unit(rows, columns) * h, self.dtype.type(0))
