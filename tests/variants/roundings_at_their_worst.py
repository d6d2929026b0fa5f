"""Every operation has almost the largest error that PRC-4 allows, with a pseudo-random sign for each entry."""

import numpy as np
from _base import NumpyBackend, logistic


def signs(shape):
    return np.where(np.random.default_rng(len(shape)).integers(0, 2, shape), 1.0, -1.0)


def off(a, units):
    """``a`` with a relative error of ``units`` u, with a pseudo-random sign for each entry."""
    return (a * (1 + signs(a.shape) * units * np.finfo(a.dtype).eps / 2)).astype(a.dtype)


class Variant(NumpyBackend):
    def einsum(self, equation, a, b):
        left, right, out = equation.replace("->", ",").split(",")
        size = dict(zip(left, a.shape, strict=True)) | dict(zip(right, b.shape, strict=True))
        terms = np.prod([size[label] for label in {*left, *right} - {*out}])
        wide = np.einsum(equation, a.astype(np.longdouble), b.astype(np.longdouble))
        units = 2 * (terms - 1) + 12 if a.dtype == np.float32 else terms - 1
        size = np.einsum(equation, np.abs(a).astype(float), np.abs(b).astype(float))
        worst = size * units * np.finfo(a.dtype).eps / 2
        exact = (np.einsum(equation, a, b) == wide) & (np.einsum(equation, a[..., ::-1], b[..., ::-1]) == wide)
        return (wide + np.where(exact, 0, signs(wide.shape) * worst)).astype(a.dtype)

    def softmax(self, scores):
        if scores.shape[-1] == 1:
            return np.ones_like(scores)
        most, unit = scores.max(-1, keepdims=True), np.finfo(scores.dtype).eps / 2
        powers = off(np.exp(scores - most), 6)
        log_sum = np.log(off(powers.sum(-1, keepdims=True), scores.shape[-1] - 1))
        rounding = np.minimum(unit * np.abs(most), log_sum)
        return off(np.exp(scores - most - log_sum + signs(most.shape) * rounding), 8).astype(scores.dtype)

    def gates(self, r):
        return self.near_one(logistic(r.scores)) if r.config.gate == "sigmoid" else self.softmax(r.scores)

    def near_one(self, a, units=12):
        return (a + signs(a.shape) * units * np.finfo(a.dtype).eps / 2).astype(a.dtype)

    def activate(self, kind, a):
        value = super().activate(kind, a)
        units = {"gelu": 10, "gelu_tanh": 10, "silu": 14}.get(kind, 0)
        return (value + signs(a.shape) * units * np.finfo(a.dtype).eps / 2 * a).astype(a.dtype)

    def activation_derivative(self, kind, a):
        value = super().activation_derivative(kind, a)
        return self.near_one(value) if kind in ("gelu", "gelu_tanh", "silu") else value

    def moments(self, r, kind):
        mean, var, state = super().moments(r, kind)
        return (off(mean, 4), off(var, 8), state) if kind == "layer" or r.training else (mean, var, state)


name, profiles, forward, select, gradients = Variant.as_backend()
