"""A kernel in plain NumPy: tiles with masked tails, packed parameters, merged top-k, sorted segments, reused memory.

It shows what kernels for GPUs and vector units do: ``_tiled_memory`` has strides, offsets, masks and packing; the
stages are in ``_tiled_products``, ``_tiled_norm``, ``_tiled_selection``, ``_tiled_forward`` and ``_tiled_backward``.
"""

import numpy as np
from _tiled_backward import Backward
from _tiled_forward import Forward
from _tiled_memory import ROWS, matrix_of, tiles
from _tiled_selection import best_experts, best_sub_keys

from peerspec.backends.protocol import LAYER_PROFILES
from peerspec.reference import Output, Selection

name, profiles = "tiled kernels", LAYER_PROFILES


def forward(layer, x, *, mask=None, training=False):
    it = Forward(layer, x, mask, training)
    with np.errstate(all="ignore"):
        it.run()
        y = it.y.flat.astype(x.dtype, copy=True)
    pairs = (*x.shape[:-1], layer.config.heads, layer.config.top_k)
    routing = (part.flat.copy().reshape(pairs) for part in (it.scores, it.ids, it.gates))
    state = it.state and {f"query_norm.{name}": part for name, part in it.state.items()}
    return Output(y.reshape(*x.shape[:-1], layer.config.d_out), *routing, state)


def select(scores1, scores2, k):
    n, lead = scores1.shape[-1], scores1.shape[:-1]
    halves = [matrix_of(part) for part in (scores1, scores2)]
    count = halves[0].rows
    scores, ids = np.empty((count, k), scores1.dtype), np.empty((count, k), np.int64)
    for rows in tiles(count, ROWS):
        best = [best_sub_keys(reader(half), rows, n, k, scores1.dtype) for half in halves]
        found = best_experts(*best, n, k, scores1.dtype)
        for out, part in zip((scores, ids), found, strict=True):
            matrix_of(out).store(rows, np.arange(k), part)
    return Selection(scores.reshape(*lead, k), ids.reshape(*lead, k))


def reader(half):
    return lambda rows, sub_keys: half.load(rows, sub_keys, half.flat.dtype)


def gradients(layer, x, dy, *, mask=None, training=True):
    with np.errstate(all="ignore"):
        grads = Backward(layer, x, mask, training).gradients(dy)
        grads["x"] = grads["x"].reshape(x.shape)
        return {name: part.astype(x.dtype if name == "x" else layer.dtype) for name, part in grads.items()}
