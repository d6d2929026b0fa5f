"""The r rows of an expert are r experts of one row, which share a gate; sums run in the compute dtype."""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "mutants"))

from _adapting import AdaptingBackend


class Variant(AdaptingBackend):
    def rows(self, adapter, target, ids):
        wide = np.float64 if adapter.params["keys"].dtype == np.float64 else np.float32
        rank = adapter.config.rank
        own = ids[..., None] * rank + np.arange(rank)
        tables = (adapter.params[f"targets.{target}.{table}"] for table in "uv")
        return tuple(part.reshape(-1, part.shape[-1])[own].astype(wide) for part in tables)

    def inner(self, rows, tokens):
        return np.einsum("thkrd,td->thkr", rows, tokens.astype(rows.dtype))

    def change(self, adapter, target, x, ids, gate):
        u, v = self.rows(adapter, target, ids)
        weights = u.dtype.type(self.alpha(adapter)) * gate[..., None].astype(u.dtype) * self.inner(u, x)
        shape = (len(weights), weights[0].size if len(weights) else 0)
        return np.einsum("tp,tpm->tm", weights.reshape(shape), v.reshape(*shape, v.shape[-1])).astype(np.float64)


name, profiles, forward, select, gradients, adapt, adapter_gradients = Variant.as_backend()
