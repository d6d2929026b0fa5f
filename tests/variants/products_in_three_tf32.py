"""In binary32, operands are split into two parts of 11 bits; the product of the two low parts is dropped."""

import numpy as np
from _base import NumpyBackend, tf32


class Variant(NumpyBackend):
    def einsum(self, equation, a, b):
        if a.dtype != np.float32:
            return np.einsum(equation, a, b)
        (a, low_a), (b, low_b) = self.parts(a), self.parts(b)
        low = np.einsum(equation, a, low_b) + np.einsum(equation, low_a, b)
        return low + np.einsum(equation, a, b)

    def parts(self, a):
        high = tf32(a)
        return high, np.where(np.isfinite(high), tf32(a - high), 0)

    def scatter_sum(self, r, name, weights, rows):
        """The product with a one-hot matrix, whose entries have one part."""
        one_hot = (r.ids.reshape(-1, 1) == np.arange(r.config.num_experts)).astype(r.compute_dtype)
        terms = (weights[..., None] * rows[:, None, None, :]).reshape(len(one_hot), rows.shape[-1])
        return self.einsum("pe,pd->ed", one_hot, terms)


name, profiles, forward, select, gradients = Variant.as_backend()
LARGEST = "minimal"
"""The largest size that it can run: larger ones take all memory, or minutes."""
