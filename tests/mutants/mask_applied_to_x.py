"""Masked tokens of x are set to zero."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "SHP-2", "structure"


class Mutant(NumpyBackend):
    def forward(self, layer, x, *, mask=None, training=False):
        masked = x if mask is None else x * mask[..., None].astype(x.dtype)
        return super().forward(layer, masked, mask=mask, training=training)


name, profiles, forward, select, gradients = Mutant.as_backend()
