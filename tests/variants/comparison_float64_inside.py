"""All but a product-key memory, which is as its PEER layer, is computed in float64 and rounded once."""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "mutants"))

from _comparing import ComparingBackend, Pass


class Variant(ComparingBackend):
    def evaluated(self, layer, x, mask, training):
        r = super().evaluated(layer, x, mask, training)
        if layer.config.kind == "pkm":
            return r
        own = r.compute_dtype
        wide = Pass(layer=layer, config=layer.config, compute_dtype=np.dtype(np.float64), input_dtype=x.dtype)
        wide.params = {name: array.astype(np.float64) for name, array in layer.params.items()}
        wide.x, wide.mask, wide.training, wide.state = r.x.astype(np.float64), r.mask, training, None
        with np.errstate(all="ignore"):
            getattr(self, layer.config.kind.replace("-", "_"))(wide)
        wide.routing = {name: self.rounded(part, own) for name, part in wide.routing.items()}
        return wide

    def rounded(self, part, dtype):
        return part.astype(dtype) if part.dtype.kind == "f" else part


name, profiles, forward, comparison, comparison_gradients = Variant.as_backend()
