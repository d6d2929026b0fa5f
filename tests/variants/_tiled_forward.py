"""The forward pass in tiles: queries, norm, selection, gates, experts; the matrices stay for the backward pass."""

import numpy as np
from _tiled_functions import activate, logistic
from _tiled_memory import COLUMNS, TOKENS, Matrix, PackedParameters, Workspace, tiles
from _tiled_norm import Norm
from _tiled_products import gather_dot, gather_sum, product, product_tile, slots_of
from _tiled_selection import best_experts, best_sub_keys

from peerspec.reference import compute_dtype

SPACE, PACKED = Workspace(), PackedParameters()
INT64 = np.dtype(np.int64)


def tokens_of(array):
    """All leading axes as rows, without a copy where the memory allows."""
    width = array.shape[-1]
    flat = np.ascontiguousarray(array).reshape(-1)
    return Matrix(flat, len(flat) // width, width, width)


class Forward:
    """One pass; ``run`` fills its matrices, which are parts of the workspace."""

    def __init__(self, layer, x, mask, training):
        self.config, self.training = layer.config, training
        self.dtype = compute_dtype(layer.dtype)
        self.x = tokens_of(x)
        self.count = self.x.rows
        self.mask = np.ones(self.count, bool) if mask is None else mask.reshape(-1)
        self.parameters = {name: PACKED.of(array) for name, array in layer.params.items()}
        self.slots = self.config.heads * self.config.top_k
        self.state = None

    def run(self):
        self.queries()
        self.normalise()
        self.select()
        self.gate()
        self.experts()

    def matrix(self, name, columns, dtype=None):
        return SPACE.matrix(name, self.count, columns, dtype or self.dtype)

    def head(self, queries, head):
        """The queries of one head."""
        return queries.columns_from(head * self.config.d_key, self.config.d_key)

    def row(self, name, head):
        """The numbers of one head in a parameter [h, d]."""
        return self.parameters[name].rows_from(head, 1)

    def queries(self):
        d, weight = self.config.d_key, self.parameters["query.weight"]
        self.raw = self.matrix("raw", self.config.heads * d)
        for head in range(self.config.heads):
            bias = self.row("query.bias", head) if self.config.query_bias else None
            product(SPACE, self.x, weight.rows_from(head * d, d), self.head(self.raw, head), self.dtype, bias)

    def normalise(self):
        kind, self.q = self.config.query_norm, self.raw
        if kind == "none":
            return
        self.q = self.matrix("q", self.raw.columns)
        self.norms = [self.norm(head) for head in range(self.config.heads)]
        for head, norm in enumerate(self.norms):
            norm.apply(self.head(self.q, head))

    def norm(self, head):
        """The norm of one head with its statistics."""
        kind = self.config.query_norm
        names = [name for name in ("scale", "bias", "mean", "var") if f"query_norm.{name}" in self.parameters]
        parameters = {name: self.row(f"query_norm.{name}", head) for name in names}
        norm = Norm(SPACE, kind, self.head(self.raw, head), self.mask, parameters, self.dtype)
        if kind == "layer":
            norm.layer_statistics(head)
        elif self.training:
            self.update(norm, head)
        else:
            norm.running_statistics()
        return norm

    def update(self, norm, head):
        """Batch statistics, and the new running ones."""
        if not norm.counted:
            raise ValueError("training needs at least one counted token")
        norm.batch_statistics(head)
        shape = self.config.heads, self.config.d_key
        if self.state is None:
            self.state = {f"query_norm.{name}": np.empty(shape, self.dtype) for name in ("mean", "var")}
        for name in ("mean", "var"):
            norm.new_running_statistics(name, tokens_of(self.state[f"query_norm.{name}"]).rows_from(head, 1))

    def keys(self, head, side):
        """The sub-keys of one half."""
        n, owner = self.config.n, head if self.config.key_heads > 1 else 0
        return self.parameters["keys"].rows_from((owner * 2 + side) * n, n)

    def select(self):
        config = self.config
        self.scores, self.ids = self.matrix("scores", self.slots), self.matrix("ids", self.slots, INT64)
        for rows in tiles(self.count, TOKENS):
            for head in range(config.heads):
                n, k = config.n, config.top_k
                halves = [best_sub_keys(self.half(head, side), rows, n, k, self.dtype) for side in (0, 1)]
                scores, ids = best_experts(*halves, n, k, self.dtype)
                slots = head * k + np.arange(k)
                self.scores.store(rows, slots, scores)
                self.ids.store(rows, slots, ids)

    def half(self, head, side):
        """Half scores as a function of tokens and sub-keys."""
        width = self.config.d_key // 2
        q, keys = self.head(self.q, head).columns_from(side * width, width), self.keys(head, side)
        return lambda rows, sub_keys: product_tile(SPACE, q, keys, rows, sub_keys, self.dtype)

    def gate(self):
        k = self.config.top_k
        self.gates = self.matrix("gates", self.slots)
        for rows in tiles(self.count, TOKENS):
            for head in range(self.config.heads):
                scores, gates = (part.columns_from(head * k, k) for part in (self.scores, self.gates))
                top, total = self.softmax_parts(scores, rows)
                for slots in slots_of(k):
                    tile = scores.load(rows, slots, self.dtype)
                    softmax = self.config.gate == "softmax"
                    gates.store(rows, slots, np.exp(tile - top) / total if softmax else logistic(tile))

    def softmax_parts(self, scores, rows):
        """The maximum and the sum of exponentials in one pass, rescaled whenever the maximum grows."""
        top, total = np.full((len(rows), 1), -np.inf, self.dtype), np.zeros((len(rows), 1), self.dtype)
        for slots in slots_of(scores.columns):
            tile = np.where(slots < scores.columns, scores.load(rows, slots, self.dtype), -np.inf)
            larger = np.maximum(top, tile.max(1, keepdims=True))
            total *= np.exp(top - larger)
            total += np.exp(tile - larger).sum(1, keepdims=True)
            top = larger
        return top, total

    def experts(self):
        """y, and for the backward pass the inner products of each pair."""
        self.y = self.matrix("y", self.config.d_out)
        self.products = {name: self.matrix(name, self.slots) for name in ("u", "w") if self.has(name)}
        self.weights = self.matrix("weights", self.slots)
        for rows in tiles(self.count, TOKENS):
            for slots in slots_of(self.slots):
                self.weigh(rows, slots)
            for columns in tiles(self.config.d_out, COLUMNS):
                self.y.store(rows, columns, self.summed(self.table("v"), self.gated_weights, rows, columns))

    def has(self, name):
        return f"experts.{name}" in self.parameters

    def table(self, name):
        return self.parameters[f"experts.{name}"]

    def weigh(self, rows, slots):
        """The factor of v of each pair of a tile."""
        ids = self.ids.load(rows, slots, INT64)
        for name, out in self.products.items():
            out.store(rows, slots, gather_dot(SPACE, self.table(name), ids, self.x, rows, self.dtype))
        kind, a = self.config.activation, self.products["u"].load(rows, slots, self.dtype)
        if self.config.expert == "mlp":
            self.weights.store(rows, slots, activate(kind, a))
        else:
            self.weights.store(rows, slots, activate(kind, self.products["w"].load(rows, slots, self.dtype)) * a)

    def gated_weights(self, rows, slots):
        return self.gates.load(rows, slots, self.dtype) * self.weights.load(rows, slots, self.dtype)

    def summed(self, table, factor, rows, columns):
        """Sums over all pairs of a token of factor times row; a slot beyond the last has factor 0."""
        total = SPACE.zeros("summed", (len(rows), len(columns)), self.dtype)
        for slots in slots_of(self.slots):
            ids = self.ids.load(rows, slots, INT64)
            total += gather_sum(table, ids, factor(rows, slots), columns, self.dtype)
        return total
