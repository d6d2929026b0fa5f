"""Masked tokens send no gradient back."""

from _layer import Net

CLAUSE, STAGE = "SHP-2", "gradient"


class Mutant(Net):
    def gradients(self, layer, x, dy, *, mask=None):
        kept = dy if mask is None or layer.config.query_norm == "batch" else dy * mask[..., None].astype(dy.dtype)
        return super().gradients(layer, x, kept, mask=mask)


name, profiles, forward, select, gradients = Mutant.parts()
