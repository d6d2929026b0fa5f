"""The row of a rank, id times r plus its place, has 16 bits."""

import numpy as np
from _adapting import AdaptingBackend

CLAUSE, STAGE = "ADP-3", "accumulation"


class Mutant(AdaptingBackend):
    def rows(self, adapter, target, ids):
        rank = adapter.config.rank
        flat = (ids[..., None] * rank + np.arange(rank)) & 0xFFFF
        tables = (adapter.params[f"targets.{target}.{table}"] for table in "uv")
        return tuple(table.reshape(-1, table.shape[-1])[flat].astype(np.float64) for table in tables)


name, profiles, forward, select, gradients, adapt, adapter_gradients = Mutant.as_backend()
