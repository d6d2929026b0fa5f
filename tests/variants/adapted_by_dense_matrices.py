"""Each token gets its own matrix W + alpha Σ g v uᵀ, in the compute dtype."""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "mutants"))

from _adapting import AdaptingBackend


class Variant(AdaptingBackend):
    def y(self, adapter, target, base, x, ids, gate):
        wide = np.float64 if adapter.params["keys"].dtype == np.float64 else np.float32
        u, v = (part.astype(wide) for part in self.rows(adapter, target, ids))
        factors = wide(adapter.config.alpha) * gate.astype(wide)
        matrix = base.weight.astype(wide) + np.einsum("thk,thkrm,thkrd->tmd", factors, v, u)
        y = np.einsum("tmd,td->tm", matrix, x.astype(wide))
        return (y if base.bias is None else y + base.bias.astype(wide)).astype(np.float64)


name, profiles, forward, select, gradients, adapt, adapter_gradients = Variant.as_backend()
