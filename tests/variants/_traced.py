"""Variants that write the layer as one function in a framework, which compiles it and differentiates it."""

from _base import NumpyBackend

__all__ = ["Traced", "layer_function"]


def layer_function(xp, take, softmax, activate, config, training):
    """The function (parameters, x [T, D], ids [T, h, k], mask [T]) → (scores, gates, y), in terms of ``xp``."""

    def norm(p, q, mask):
        if config.query_norm == "none":
            return q
        if config.query_norm == "batch" and not training:
            mean, var = p["query_norm.mean"], p["query_norm.var"]
        elif config.query_norm == "batch":
            counts = mask[:, None, None]
            q_counted, number = xp.where(counts, q, 0 * q[:1]), mask.sum()
            mean = q_counted.sum(0) / number
            var = (xp.where(counts, q_counted - mean, 0 * mean) ** 2).sum(0) / number
        else:
            mean = q.sum(-1, keepdims=True) / config.d_key
            var = ((q - mean) ** 2).sum(-1, keepdims=True) / config.d_key
        return (q - mean) / xp.sqrt(var + 1e-5) * p["query_norm.scale"] + p["query_norm.bias"]

    def scores(p, q, ids):
        half = config.d_key // 2
        keys = p["keys"].expand(config.heads, -1, -1, -1) if hasattr(p["keys"], "expand") else p["keys"]
        keys = keys if len(keys) == config.heads else xp.broadcast_to(keys, (config.heads, *keys.shape[1:]))
        s1 = xp.einsum("thc,hnc->thn", q[..., :half], keys[:, 0])
        s2 = xp.einsum("thc,hnc->thn", q[..., half:], keys[:, 1])
        return take(s1, ids // config.n) + take(s2, ids % config.n)

    def weights(p, x, ids):
        products = {name: xp.einsum("thkd,td->thk", p[f"experts.{name}"][ids], x) for name in ("u", "w")[: 1 + glu]}
        return (
            activate(config.activation, products["w"]) * products["u"]
            if glu
            else activate(config.activation, products["u"])
        )

    glu = config.expert == "glu"

    def layer(p, x, ids, mask):
        q = xp.einsum("hcd,td->thc", p["query.weight"], x)
        q = norm(p, q + p["query.bias"] if config.query_bias else q, mask)
        s = scores(p, q, ids)
        gates = 1 / (1 + xp.exp(-s)) if config.gate == "sigmoid" else softmax(s)
        y = xp.einsum("thk,thkm->tm", gates * weights(p, x, ids), p["experts.v"][ids])
        return s, gates, y

    return layer


class Traced(NumpyBackend):
    """The selection is that of NumPy; all numbers come from the compiled function."""

    def values(self, r):
        """Scores, gates and y as arrays."""
        raise NotImplementedError

    def run(self, layer, x, mask, training):
        r = super().run(layer, x, mask, training)
        if r.ids.size:
            r.scores, r.gates, r.y = self.values(r)
        return r
