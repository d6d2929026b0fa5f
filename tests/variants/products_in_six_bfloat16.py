"""In binary32, operands are truncated into three parts of 8 bits; six of the nine products of parts are added."""

import numpy as np
from _base import NumpyBackend


class Variant(NumpyBackend):
    def einsum(self, equation, a, b):
        if a.dtype != np.float32:
            return np.einsum(equation, a, b)
        left, right = self.parts(a), self.parts(b)
        pairs = sorted(((i, j) for i in range(3) for j in range(3) if i + j < 3), key=sum, reverse=True)
        return sum(np.einsum(equation, left[i], right[j]) for i, j in pairs)

    def parts(self, a):
        found = []
        for _ in range(3):
            found.append((a.view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32))
            a = np.where(np.isfinite(a), a - found[-1], 0).astype(np.float32)
        return found


name, profiles, forward, select, gradients = Variant.as_backend()
