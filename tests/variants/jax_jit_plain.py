"""A plain layer in jax.numpy, compiled by XLA and differentiated by jax.grad, also through the maximum of softmax."""

from functools import cache

import numpy as np
from _traced import Traced, layer_function


@cache
def compiled(config, training):
    import jax
    import jax.numpy as jnp

    def softmax(s):
        powers = jnp.exp(s - s.max(-1, keepdims=True))
        return powers / powers.sum(-1, keepdims=True)

    def activate(kind, a):
        if kind.startswith("gelu"):
            return jax.nn.gelu(a, approximate=kind == "gelu_tanh")
        return {"relu": jax.nn.relu, "silu": jax.nn.silu, "identity": lambda a: a}[kind](a)

    layer = layer_function(jnp, lambda s, at: jnp.take_along_axis(s, at, -1), softmax, activate, config, training)
    loss = lambda p, x, ids, mask, dy: (layer(p, x, ids, mask)[2] * dy).sum()  # noqa: E731
    return jax.jit(layer), jax.jit(jax.grad(loss, (0, 1)))


class Variant(Traced):
    def values(self, r):
        import jax

        with jax.enable_x64(r.compute_dtype == np.float64):
            return [np.asarray(part) for part in compiled(r.config, r.training)[0](r.params, r.x, r.ids, r.mask)]

    def backward(self, r):
        import jax

        if not r.ids.size:
            return super().backward(r)
        with jax.enable_x64(r.compute_dtype == np.float64):
            grads, dx = compiled(r.config, r.training)[1](r.params, r.x, r.ids, r.mask, r.dy)
        learned = [name for name in grads if not name.endswith((".mean", ".var"))]
        return {name: np.asarray(grads[name]) for name in learned} | {"x": np.asarray(dx)}


name, profiles, forward, select, gradients = Variant.as_backend()
LARGEST = "minimal"
"""The largest size that it can run: larger ones take all memory, or minutes."""
