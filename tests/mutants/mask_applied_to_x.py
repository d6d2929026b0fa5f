"""Masked tokens are set to zero before the layer."""

from _layer import Net

CLAUSE, STAGE = "SHP-2", "structure"


class Mutant(Net):
    def forward(self, layer, x, *, mask=None, training=False):
        kept = x if mask is None else x * mask[..., None].astype(x.dtype)
        return super().forward(layer, kept, mask=mask, training=training)


name, profiles, forward, select, gradients = Mutant.parts()
