"""Without a batch norm, masked tokens contribute nothing to gradients."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "SHP-2", "gradient"


class Mutant(NumpyBackend):
    def gradients(self, layer, x, dy, *, mask=None, **options):
        masked = dy if mask is None or layer.config.query_norm == "batch" else dy * mask[..., None].astype(dy.dtype)
        return super().gradients(layer, x, masked, mask=mask, **options)


name, profiles, forward, select, gradients = Mutant.as_backend()
