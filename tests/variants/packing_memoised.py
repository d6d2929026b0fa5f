"""Folded sub-keys C·W and their bias are kept from call to call, under every byte of the layer that they depend on."""

from functools import lru_cache

import numpy as np
from _base import NumpyBackend


@lru_cache(maxsize=8)
def packed(config, dtype, shapes, bytes_of_parameters):
    """C·W [h, 2, n, D] and C·b [h, 2, n] for the parameters with these bytes."""
    arrays = [np.frombuffer(raw, dtype).reshape(shape) for raw, shape in zip(bytes_of_parameters, shapes, strict=True)]
    keys = np.broadcast_to(arrays[0], (config.heads, 2, config.n, config.d_key // 2))
    weight = arrays[1].reshape(config.heads, 2, config.d_key // 2, config.d_model)
    bias = arrays[2].reshape(config.heads, 2, config.d_key // 2) if config.query_bias else None
    folded = np.einsum("hsnc,hscd->hsnd", keys, weight)
    return folded, None if bias is None else np.einsum("hsnc,hsc->hsn", keys, bias)


class Variant(NumpyBackend):
    def half_scores(self, r):
        if r.config.query_norm != "none":
            return super().half_scores(r)
        arrays = [r.params[name] for name in ("keys", "query.weight", "query.bias") if name in r.params]
        key = tuple(array.tobytes() for array in arrays)
        folded, bias = packed(r.config, r.compute_dtype.str, tuple(array.shape for array in arrays), key)
        both = np.einsum("td,hsnd->thsn", r.x, folded)
        both = both if bias is None else both + bias
        return both[:, :, 0], both[:, :, 1]


name, profiles, forward, select, gradients = Variant.as_backend()
