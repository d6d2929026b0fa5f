"""The backward pass in tiles; contributions to the rows of a table are sorted by row and summed in segments."""

import numpy as np
from _tiled_forward import INT64, SPACE, Forward, tokens_of
from _tiled_functions import activate, slope
from _tiled_memory import COLUMNS, PAIRS, TOKENS, Matrix, tiles
from _tiled_products import gather_dot, gather_sum, product, slots_of, sum_over_tokens


def scatter(targets, factors, source, source_rows, shape, dtype):
    """Sums [rows, columns] by row of factor times source row; pairs are in tiles, in the order of their rows."""
    out = np.zeros(shape, dtype)
    order = np.argsort(targets, kind="stable")
    for pairs in tiles(len(order), PAIRS):
        inside = pairs < len(order)
        at = order[np.where(inside, pairs, len(order) - 1)]
        factor = np.where(inside, factors[at], 0)[:, None]
        starts = np.flatnonzero(np.append(True, targets[at][1:] != targets[at][:-1]))
        for columns in tiles(shape[1], COLUMNS):
            terms = factor * source.load(source_rows[at], columns, dtype)
            add_segments(out, targets[at][starts], columns, np.add.reduceat(terms, starts, 0))
    return out


def add_segments(out, rows, columns, sums):
    """A row may have begun in the tile before."""
    columns = columns[columns < out.shape[1]]
    out[rows[:, None], columns] += sums[:, : len(columns)]


class Backward(Forward):
    """The gradients by the name of their parameter, each in an array of its own."""

    def gradients(self, dy):
        self.run()
        self.dy = tokens_of(dy)
        self.grads = {}
        self.experts_backward()
        self.gates_backward()
        self.keys_backward()
        self.norm_backward()
        self.queries_backward()
        return self.grads

    def new(self, name, shape):
        """A gradient as a matrix whose rows are all axes but the last."""
        self.grads[name] = np.zeros(shape, self.dtype)
        return tokens_of(self.grads[name])

    def experts_backward(self):
        names = ["gated", "dgates", *(f"d{name}" for name in self.products)]
        self.factors = {name: self.matrix(name, self.slots) for name in names}
        for rows in tiles(self.count, TOKENS):
            for slots in slots_of(self.slots):
                self.pairs_backward(rows, slots)
        self.rows_backward("v", "gated", self.dy)
        for name in self.products:
            self.rows_backward(name, f"d{name}", self.x)
        self.x_backward()

    def pairs_backward(self, rows, slots):
        """B1, B3 and B4: the factors of a tile of pairs."""
        z = gather_dot(SPACE, self.table("v"), self.ids.load(rows, slots, INT64), self.dy, rows, self.dtype)
        gates, weights = (part.load(rows, slots, self.dtype) for part in (self.gates, self.weights))
        found = {"gated": gates * weights, "dgates": weights * z}
        for name, derivative in self.derivatives(rows, slots).items():
            found[f"d{name}"] = gates * z * derivative
        for name, values in found.items():
            self.factors[name].store(rows, slots, values)

    def derivatives(self, rows, slots):
        """The derivatives of the factor of v by u·x and w·x."""
        kind = self.config.activation
        products = {name: part.load(rows, slots, self.dtype) for name, part in self.products.items()}
        if self.config.expert == "mlp":
            return {"u": slope(kind, products["u"])}
        return {"u": activate(kind, products["w"]), "w": slope(kind, products["w"]) * products["u"]}

    def rows_backward(self, name, factor, source):
        """B2 and B5."""
        ids, factors = self.ids.flat[: self.count * self.slots], self.factors[factor].flat
        tokens = np.arange(len(ids)) // self.slots
        shape = self.config.num_experts, source.columns
        self.grads[f"experts.{name}"] = scatter(ids, factors, source, tokens, shape, self.dtype)

    def x_backward(self):
        """The part of dx through the experts."""
        dx = self.new("x", (self.count, self.config.d_model))
        for rows in tiles(self.count, TOKENS):
            for columns in tiles(self.config.d_model, COLUMNS):
                total = np.zeros((TOKENS, COLUMNS), self.dtype)
                for name in self.products:
                    total += self.summed(self.table(name), self.factor_tile(f"d{name}"), rows, columns)
                dx.store(rows, columns, total)

    def factor_tile(self, name):
        return lambda rows, slots: self.factors[name].load(rows, slots, self.dtype)

    def gates_backward(self):
        """B6."""
        k = self.config.top_k
        self.dscores = self.matrix("dscores", self.slots)
        for rows in tiles(self.count, TOKENS):
            for head in range(self.config.heads):
                parts = (self.gates, self.factors["dgates"], self.dscores)
                self.head_gates_backward(rows, *(part.columns_from(head * k, k) for part in parts))

    def head_gates_backward(self, rows, gates, dgates, dscores):
        softmax, inner = self.config.gate == "softmax", np.zeros((TOKENS, 1), self.dtype)
        for slots in slots_of(gates.columns):
            g, dg = (part.load(rows, slots, self.dtype) for part in (gates, dgates))
            inner += (g * dg).sum(1, keepdims=True)
        for slots in slots_of(gates.columns):
            g, dg = (part.load(rows, slots, self.dtype) for part in (gates, dgates))
            dscores.store(rows, slots, g * (dg - inner) if softmax else g * (1 - g) * dg)

    def keys_backward(self):
        """B7 and B8."""
        config, half = self.config, self.config.d_key // 2
        self.dq = self.matrix("dq", self.q.columns)
        pairs = np.arange(self.count * self.slots)
        owner = pairs // config.top_k % config.heads if config.key_heads > 1 else 0
        dkeys = np.zeros((config.key_heads * 2 * config.n, half), self.dtype)
        for side in (0, 1):
            targets = (owner * 2 + side) * config.n + self.sub_keys(self.ids.flat[: len(pairs)], side)
            queries = Matrix(self.q.flat, self.count * config.heads, half, config.d_key, 1, side * half)
            dkeys += scatter(targets, self.dscores.flat, queries, pairs // config.top_k, dkeys.shape, self.dtype)
            for rows in tiles(self.count, TOKENS):
                for head in range(config.heads):
                    self.query_backward(rows, head, side)
        self.grads["keys"] = dkeys.reshape(config.key_heads, 2, config.n, half)

    def sub_keys(self, ids, side):
        return ids % self.config.n if side else ids // self.config.n

    def query_backward(self, rows, head, side):
        half, k = self.config.d_key // 2, self.config.top_k
        ids, factors = (part.columns_from(head * k, k) for part in (self.ids, self.dscores))
        out, keys = self.head(self.dq, head).columns_from(side * half, half), self.keys(head, side)
        for columns in tiles(half, COLUMNS):
            total = np.zeros((TOKENS, COLUMNS), self.dtype)
            for slots in slots_of(k):
                sub_keys = self.sub_keys(ids.load(rows, slots, INT64), side)
                total += gather_sum(keys, sub_keys, factors.load(rows, slots, self.dtype), columns, self.dtype)
            out.store(rows, columns, total)

    def norm_backward(self):
        """B9."""
        self.dr = self.dq
        if self.config.query_norm == "none":
            return
        self.dr = self.matrix("dr", self.dq.columns)
        shape = self.config.heads, self.config.d_key
        scale, bias = (self.new(f"query_norm.{name}", shape) for name in ("scale", "bias"))
        frozen = self.config.query_norm == "batch" and not self.training
        for head, norm in enumerate(self.norms):
            dscale, dbias = (part.rows_from(head, 1) for part in (scale, bias))
            norm.backward(self.head(self.dq, head), dscale, dbias, self.head(self.dr, head), frozen)

    def queries_backward(self):
        """B10, and the part of dx through the queries."""
        h, d, width = self.config.heads, self.config.d_key, self.config.d_model
        weight, dx = self.parameters["query.weight"], tokens_of(self.grads["x"])
        dweight = self.new("query.weight", (h, d, width))
        dbias = self.new("query.bias", (h, d)) if self.config.query_bias else None
        for head in range(h):
            dr, rows = self.head(self.dr, head), (head * d, d)
            product(SPACE, dr.transposed(), self.x.transposed(), dweight.rows_from(*rows), self.dtype)
            product(SPACE, dr, weight.rows_from(*rows).transposed(), dx, self.dtype, add=True)
            if dbias:
                self.bias_backward(dr, dbias.rows_from(head, 1))

    def bias_backward(self, dr, out):
        sum_over_tokens(SPACE, lambda r, c: dr.load(r, c, self.dtype), out, dr.rows, self.dtype)
