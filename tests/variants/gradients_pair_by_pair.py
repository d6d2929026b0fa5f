"""Gradients are computed in float64 by the algorithm of GRD-8 as SPEC.md writes it, pair by pair."""

from math import erf, pi, sqrt

import numpy as np
from _base import NumpyBackend, logistic

from peerspec.reference.forward import forward as reference_forward

EPS = 1e-5


def tau(a):
    return np.tanh(sqrt(2 / pi) * (a + 0.044715 * a**3))


def normal(a):
    return (1 + erf(a / sqrt(2))) / 2


SIGMA = {
    "relu": lambda a: max(a, 0.0),
    "gelu": lambda a: a * normal(a),
    "gelu_tanh": lambda a: a * (1 + tau(a)) / 2,
    "silu": lambda a: a * logistic(a),
    "identity": lambda a: a,
}
SLOPE = {
    "relu": lambda a: float(a > 0),
    "gelu": lambda a: normal(a) + a * np.exp(-(a**2) / 2) / sqrt(2 * pi),
    "gelu_tanh": lambda a: (1 + tau(a)) / 2 + a * (1 - tau(a) ** 2) * sqrt(2 / pi) * (1 + 0.134145 * a**2) / 2,
    "silu": lambda a: logistic(a) * (1 + a * (1 - logistic(a))),
    "identity": lambda a: 1.0,
}


class Algorithm:
    """The quantities of GRD-8 under their names; ``grads`` holds the gradients by parameter name."""

    def __init__(self, layer, x, dy, mask, training):
        self.frozen = layer.config.query_norm == "batch" and not training
        self.config, self.params = layer.config, {name: array.astype(float) for name, array in layer.params.items()}
        self.ids = reference_forward(layer, x, mask=mask, training=training).indices.reshape(
            -1, layer.config.heads, layer.config.top_k
        )
        self.x, self.dy = x.reshape(-1, layer.config.d_model).astype(float), dy.reshape(-1, layer.config.d_out)
        self.dy = self.dy.astype(float)
        self.mask = np.ones(len(self.x), bool) if mask is None else mask.ravel()
        self.grads = {name: np.zeros(array.shape) for name, array in self.params.items()}
        self.grads["x"] = np.zeros(self.x.shape)
        self.places = list(np.ndindex(self.ids.shape[:2]))
        self.glu = self.config.expert == "glu"

    def head(self, m):
        return m if self.config.key_heads > 1 else 0

    def queries(self):
        weight, bias = self.params["query.weight"], self.params.get("query.bias")
        self.r = np.einsum("hcd,td->thc", weight, self.x) + (0 if bias is None else bias)  # F1
        self.q, norm = self.r, self.config.query_norm
        if norm != "none":  # F2
            if self.frozen:
                mean, var = self.params["query_norm.mean"], self.params["query_norm.var"]
            else:
                axis, over = (0, self.r[self.mask]) if norm == "batch" else (-1, self.r)
                mean, var = over.mean(axis, keepdims=True), over.var(axis, keepdims=True)
            self.rho = 1 / np.sqrt(var + EPS)
            self.unit = (self.r - mean) * self.rho
            self.q = self.params["query_norm.scale"] * self.unit + self.params["query_norm.bias"]

    def gates(self):
        half = self.config.d_key // 2
        self.g = np.zeros(self.ids.shape)
        for t, m in self.places:
            i, j = np.divmod(self.ids[t, m], self.config.n)
            keys = self.params["keys"][self.head(m)]
            s = keys[0, i] @ self.q[t, m, :half] + keys[1, j] @ self.q[t, m, half:]  # F3, F4
            powers = np.exp(s - s.max())
            self.g[t, m] = powers / powers.sum() if self.config.gate == "softmax" else logistic(s)  # F5

    def experts(self):
        sigma, slope = SIGMA[self.config.activation], SLOPE[self.config.activation]
        self.dg = np.zeros(self.ids.shape)
        for p in np.ndindex(self.ids.shape):
            t, e, g = p[0], self.ids[p], self.g[p]
            u, v = self.params["experts.u"][e], self.params["experts.v"][e]
            a = u @ self.x[t]  # F6
            c = self.params["experts.w"][e] @ self.x[t] if self.glu else 0.0
            weight = sigma(c) * a if self.glu else sigma(a)  # F7
            z = v @ self.dy[t]  # B1
            self.grads["experts.v"][e] += g * weight * self.dy[t]  # B2
            self.dg[p], dweight = weight * z, g * z  # B3
            da = dweight * (sigma(c) if self.glu else slope(a))  # B4
            self.grads["experts.u"][e] += da * self.x[t]  # B5
            self.grads["x"][t] += da * u  # B11
            if self.glu:
                dc = dweight * a * slope(c)
                self.grads["experts.w"][e] += dc * self.x[t]
                self.grads["x"][t] += dc * self.params["experts.w"][e]

    def scores(self):
        half, self.dq = self.config.d_key // 2, np.zeros(self.q.shape)
        for t, m in self.places:
            g, dg = self.g[t, m], self.dg[t, m]
            ds = g * (dg - (g * dg).sum()) if self.config.gate == "softmax" else g * (1 - g) * dg  # B6
            for ds_p, i, j in zip(ds, *np.divmod(self.ids[t, m], self.config.n), strict=True):
                keys, dkeys = self.params["keys"][self.head(m)], self.grads["keys"][self.head(m)]
                dkeys[0, i] += ds_p * self.q[t, m, :half]  # B7
                dkeys[1, j] += ds_p * self.q[t, m, half:]
                self.dq[t, m, :half] += ds_p * keys[0, i]  # B8
                self.dq[t, m, half:] += ds_p * keys[1, j]

    def norm(self):
        self.dr, norm = self.dq, self.config.query_norm
        if norm == "none":
            return
        self.grads["query_norm.scale"] = (self.dq * self.unit).sum(0)  # B9
        self.grads["query_norm.bias"] = self.dq.sum(0)
        dunit = self.params["query_norm.scale"] * self.dq
        if self.frozen:
            self.dr = self.rho * dunit
            return
        axis, count = (0, self.mask.sum()) if norm == "batch" else (-1, self.config.d_key)
        a, b = dunit.sum(axis, keepdims=True) / count, (dunit * self.unit).sum(axis, keepdims=True) / count
        counted = self.mask[:, None, None] if norm == "batch" else True
        self.dr = self.rho * np.where(counted, dunit - a - self.unit * b, dunit)

    def maps(self):
        for t, m in self.places:
            self.grads["query.weight"][m] += np.outer(self.dr[t, m], self.x[t])  # B10
            if self.config.query_bias:
                self.grads["query.bias"][m] += self.dr[t, m]
            self.grads["x"][t] += self.params["query.weight"][m].T @ self.dr[t, m]  # B11


class Variant(NumpyBackend):
    def gradients(self, layer, x, dy, *, mask=None, training=True):
        it = Algorithm(layer, x, dy, mask, training)
        with np.errstate(all="ignore"):
            for step in (it.queries, it.gates, it.experts, it.scores, it.norm, it.maps):
                step()
        it.grads["x"] = it.grads["x"].reshape(x.shape)
        return {
            name: grad.astype(x.dtype if name == "x" else layer.dtype)
            for name, grad in it.grads.items()
            if name not in ("query_norm.mean", "query_norm.var")
        }


name, profiles, forward, select, gradients = Variant.as_backend()
