"""The forward pass in tiles: queries, norm, selection, gates, experts; the matrices stay for the backward pass."""

import numpy as np
from _tiled_functions import activate, logistic
from _tiled_memory import PAIRS, ROWS, SLOTS, PackedParameters, Workspace, matrix_of, tiles
from _tiled_norm import BatchNorm, LayerNorm
from _tiled_products import gather_dot, product, product_tile, scatter
from _tiled_selection import best_experts, best_sub_keys

from peerspec.reference import compute_dtype

SPACE, PACKED = Workspace(), PackedParameters()
INT64 = np.dtype(np.int64)


class Forward:
    """One pass; ``run`` fills its matrices, which are parts of the workspace.

    A row is a token and a head, a pair a row and a place in its list of experts: pair p belongs to row p // k and to
    token p // (h · k).
    """

    def __init__(self, layer, x, mask, training):
        self.config, self.training = layer.config, training
        self.dtype = compute_dtype(layer.dtype)
        self.x = matrix_of(x)
        self.count, self.heads, self.k = self.x.rows, layer.config.heads, layer.config.top_k
        self.mask = np.ones(self.count, bool) if mask is None else mask.reshape(-1)
        self.parameters = {name: PACKED.of(self.unrolled(name, array)) for name, array in layer.params.items()}
        self.pairs = np.arange(self.count * self.heads * self.k)
        self.state = None

    def unrolled(self, name, array):
        """The parameters of features as one row."""
        return array.reshape(1, -1) if name.startswith("query_norm") or name == "query.bias" else array

    def run(self):
        self.queries()
        self.normalise()
        self.select()
        self.gate()
        self.weigh()
        self.combine()

    def by_token(self, name, columns, dtype=None):
        return SPACE.matrix(name, self.count, columns, dtype or self.dtype)

    def by_row(self, name, columns, dtype=None):
        return SPACE.matrix(name, self.count * self.heads, columns, dtype or self.dtype)

    def queries(self):
        self.raw = self.by_token("raw", self.heads * self.config.d_key)
        product(SPACE, self.x, self.parameters["query.weight"], self.raw, self.dtype, self.parameters.get("query.bias"))

    def normalise(self):
        kind, self.q = self.config.query_norm, self.raw
        if kind == "none":
            return
        self.q = self.by_token("q", self.raw.columns)
        parts = {name.rpartition(".")[2]: part for name, part in self.parameters.items() if "query_norm" in name}
        parameters = {name: matrix_of(part.flat[None, : self.raw.columns]) for name, part in parts.items()}
        if kind == "layer":
            self.norm = LayerNorm(SPACE, self.raw.by_head(self.heads), parameters, self.dtype, self.heads)
            self.norm.apply(self.q.by_head(self.heads))
            return
        self.norm = BatchNorm(SPACE, self.raw, parameters, self.dtype, self.mask, self.training)
        self.norm.apply(self.q)
        if self.training:
            self.state = {name: self.new_statistics(name) for name in ("mean", "var")}

    def new_statistics(self, name):
        out = np.empty((self.heads, self.config.d_key), self.dtype)
        self.norm.new_running_statistics(name, matrix_of(out.reshape(1, -1)))
        return out

    def half_queries(self, side):
        """One half of all queries, [rows, d/2]."""
        width = self.config.d_key // 2
        return self.q.by_head(self.heads).columns_from(side * width, width)

    def first_key(self, rows, side):
        """The place of the first sub-key of a half for each row."""
        owner = rows % self.heads if self.config.key_heads > 1 else rows * 0
        return (owner * 2 + side) * self.config.n

    def half_scores(self, side):
        """Half scores as a function of rows and sub-keys."""
        n, keys, q = self.config.n, self.parameters["keys"], self.half_queries(side)
        if self.config.key_heads == 1:
            shared = keys.rows_from(side * n, n)
            return lambda rows, sub_keys: product_tile(SPACE, q, shared, rows, sub_keys, self.dtype)
        return lambda rows, sub_keys: self.own_half_scores(q, keys, side, rows, sub_keys)

    def own_half_scores(self, q, keys, side, rows, sub_keys):
        """Every row of a tile has the keys of its own head."""
        inside = sub_keys < self.config.n
        at = (self.first_key(rows, side)[:, None] + np.where(inside, sub_keys, 0)).reshape(-1)
        return gather_dot(SPACE, keys, at, q, np.repeat(rows, len(sub_keys)), self.dtype).reshape(len(rows), -1)

    def select(self):
        n, places = self.config.n, np.arange(self.k)
        self.scores, self.ids = self.by_row("scores", self.k), self.by_row("ids", self.k, INT64)
        halves = [self.half_scores(side) for side in (0, 1)]
        for rows in tiles(self.count * self.heads, ROWS):
            best = [best_sub_keys(half, rows, n, self.k, self.dtype) for half in halves]
            scores, ids = best_experts(*best, n, self.k, self.dtype)
            self.scores.store(rows, places, scores)
            self.ids.store(rows, places, ids)

    def gate(self):
        self.gates = self.by_row("gates", self.k)
        for rows in tiles(self.count * self.heads, ROWS):
            top, total = self.softmax_parts(rows)
            for slots in tiles(self.k, SLOTS):
                tile = self.scores.load(rows, slots, self.dtype)
                softmax = self.config.gate == "softmax"
                self.gates.store(rows, slots, np.exp(tile - top) / total if softmax else logistic(tile))

    def softmax_parts(self, rows):
        """The maximum and the sum of exponentials in one pass, rescaled whenever the maximum grows."""
        top, total = np.full((len(rows), 1), -np.inf, self.dtype), np.zeros((len(rows), 1), self.dtype)
        for slots in tiles(self.k, SLOTS):
            tile = np.where(slots < self.k, self.scores.load(rows, slots, self.dtype), -np.inf)
            larger = np.maximum(top, tile.max(1, keepdims=True))
            total *= np.exp(top - larger)
            total += np.exp(tile - larger).sum(1, keepdims=True)
            top = larger
        return top, total

    def tokens_of(self, pairs):
        return pairs // (self.heads * self.k)

    def table(self, name):
        return self.parameters[f"experts.{name}"]

    def weigh(self):
        """The inner products of each pair, and its factor of v."""
        names = [name for name in ("u", "w") if f"experts.{name}" in self.parameters]
        self.products = {name: self.by_row(name, self.k).flat for name in names}
        self.weights, self.gated = (self.by_row(name, self.k).flat for name in ("weights", "gated"))
        for pairs in tiles(len(self.pairs), PAIRS):
            at = pairs[pairs < len(self.pairs)]
            for name, out in self.products.items():
                ids = self.ids.flat[at]
                out[at] = gather_dot(SPACE, self.table(name), ids, self.x, self.tokens_of(at), self.dtype)
            self.weights[at] = self.weight({name: part[at] for name, part in self.products.items()})
            self.gated[at] = self.gates.flat[at] * self.weights[at]

    def weight(self, products):
        kind = self.config.activation
        if self.config.expert == "mlp":
            return activate(kind, products["u"])
        return activate(kind, products["w"]) * products["u"]

    def combine(self):
        """y, in the order of the tokens."""
        self.y = self.by_token("y", self.config.d_out)
        self.y.flat[:] = 0
        self.add_rows("v", self.gated, self.y)

    def add_rows(self, name, factors, out):
        """Add to each token the rows of a table that its pairs name, times their factors."""
        scatter(SPACE, self.tokens_of(self.pairs), factors, self.table(name), self.ids.flat, out, self.dtype)
