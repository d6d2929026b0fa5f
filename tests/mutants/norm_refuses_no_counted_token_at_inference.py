"""With query norm `batch`, a batch without a counted token is an error at inference, too.

Wrong on: query norm `batch`, inference, mask = all False.
"""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "CNF-4", "structure"


class Mutant(NumpyBackend):
    def run(self, layer, x, mask, training):
        if layer.config.query_norm == "batch" and mask is not None and mask.size and not mask.any():
            raise ValueError("no token counts")
        return super().run(layer, x, mask, training)


name, profiles, forward, select, gradients = Mutant.as_backend()
