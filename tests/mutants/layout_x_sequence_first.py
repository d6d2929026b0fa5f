"""An x [B, S, D] that is a transposed [S, B, D] is read in memory order.

Wrong on: x = made.transpose(1, 0, 2) of a C-ordered [3, 2, D].
"""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "SHP-1", "structure"


class Mutant(NumpyBackend):
    def tokens(self, x, dtype):
        turned = x.ndim > 2 and x.shape[-1] > 1 and min(x.shape[:2]) > 1 and x.strides[-1] == x.itemsize
        if turned and 0 < x.strides[0] < x.strides[1]:
            return x.ravel(order="K").reshape(-1, x.shape[-1]).astype(dtype)
        return super().tokens(x, dtype)


name, profiles, forward, select, gradients = Mutant.as_backend()
