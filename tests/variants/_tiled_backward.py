"""The backward pass in tiles; contributions to the rows of a table are sorted by row and summed in segments."""

import numpy as np
from _tiled_forward import SPACE, Forward
from _tiled_functions import activate, slope
from _tiled_memory import PAIRS, ROWS, SLOTS, matrix_of, tiles
from _tiled_products import gather_dot, product, scatter, sum_over_rows


class Backward(Forward):
    """The gradients by the name of their parameter, each in an array of its own."""

    def gradients(self, dy):
        self.run()
        self.dy = matrix_of(dy)
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
        return matrix_of(self.grads[name])

    def experts_backward(self):
        """B1 to B5, and the part of dx through the experts."""
        self.dgates = self.by_row("dgates", self.k).flat
        self.dproducts = {name: self.by_row(f"d{name}", self.k).flat for name in self.products}
        for pairs in tiles(len(self.pairs), PAIRS):
            self.pairs_backward(pairs[pairs < len(self.pairs)])
        dx = self.new("x", (self.count, self.config.d_model))
        self.rows_backward("v", self.gated, self.dy)
        for name, factors in self.dproducts.items():
            self.rows_backward(name, factors, self.x)
            self.add_rows(name, factors, dx)

    def pairs_backward(self, at):
        z = gather_dot(SPACE, self.table("v"), self.ids.flat[at], self.dy, self.tokens_of(at), self.dtype)
        self.dgates[at] = self.weights[at] * z
        products = {name: part[at] for name, part in self.products.items()}
        for name, derivative in self.derivatives(products).items():
            self.dproducts[name][at] = self.gates.flat[at] * z * derivative

    def derivatives(self, products):
        """The derivatives of the factor of v by u·x and w·x."""
        kind = self.config.activation
        if self.config.expert == "mlp":
            return {"u": slope(kind, products["u"])}
        return {"u": activate(kind, products["w"]), "w": slope(kind, products["w"]) * products["u"]}

    def rows_backward(self, name, factors, source):
        """B2 and B5: sums over the pairs of each expert."""
        out = self.new(f"experts.{name}", (self.config.num_experts, source.columns))
        ids = self.ids.flat
        order = np.argsort(ids, kind="stable")
        scatter(SPACE, ids, factors, source, self.tokens_of(self.pairs), out, self.dtype, order)

    def gates_backward(self):
        """B6."""
        self.dscores = self.by_row("dscores", self.k)
        for rows in tiles(self.count * self.heads, ROWS):
            inner = SPACE.zeros("inner", (len(rows), 1), self.dtype)
            for slots in tiles(self.k, SLOTS):
                g, dg = self.gate_tiles(rows, slots)
                inner += (g * dg).sum(1, keepdims=True)
            for slots in tiles(self.k, SLOTS):
                g, dg = self.gate_tiles(rows, slots)
                softmax = self.config.gate == "softmax"
                self.dscores.store(rows, slots, g * (dg - inner) if softmax else g * (1 - g) * dg)

    def gate_tiles(self, rows, slots):
        dgates = self.by_row("dgates", self.k)
        return self.gates.load(rows, slots, self.dtype), dgates.load(rows, slots, self.dtype)

    def keys_backward(self):
        """B7 and B8."""
        config, half = self.config, self.config.d_key // 2
        rows, self.dq = self.pairs // self.k, self.by_token("dq", self.q.columns)
        self.dq.flat[:] = 0
        dkeys = self.new("keys", (config.key_heads, 2, config.n, half))
        for side in (0, 1):
            keys = self.first_key(rows, side) + self.sub_keys(self.ids.flat, side)
            order = np.argsort(keys, kind="stable")
            scatter(SPACE, keys, self.dscores.flat, self.half_queries(side), rows, dkeys, self.dtype, order)
            out = self.dq.by_head(self.heads).columns_from(side * half, half)
            scatter(SPACE, rows, self.dscores.flat, self.parameters["keys"], keys, out, self.dtype)

    def sub_keys(self, ids, side):
        return ids % self.config.n if side else ids // self.config.n

    def norm_backward(self):
        """B9."""
        self.dr = self.dq
        if self.config.query_norm == "none":
            return
        self.dr, dscale = (self.by_token(name, self.dq.columns) for name in ("dr", "dscale"))
        parts = self.dq, self.dr, dscale
        layer = self.config.query_norm == "layer"
        self.norm.backward(*(part.by_head(self.heads) if layer else part for part in parts))
        self.feature_sums("query_norm.scale", dscale)
        self.feature_sums("query_norm.bias", self.dq)

    def feature_sums(self, name, terms):
        """Sums over all tokens for each head and feature."""
        out = self.new(name, (self.heads, self.config.d_key)).flat.reshape(1, -1)
        sum_over_rows(SPACE, lambda r, c: terms.load(r, c, self.dtype), matrix_of(out), self.count, self.dtype)

    def queries_backward(self):
        """B10, and the part of dx through the queries."""
        weight, dx = self.parameters["query.weight"], matrix_of(self.grads["x"])
        dweight = self.new("query.weight", (self.heads, self.config.d_key, self.config.d_model))
        product(SPACE, self.dr.transposed(), self.x.transposed(), dweight, self.dtype)
        product(SPACE, self.dr, weight.transposed(), dx, self.dtype, add=True)
        if self.config.query_bias:
            self.feature_sums("query.bias", self.dr)
