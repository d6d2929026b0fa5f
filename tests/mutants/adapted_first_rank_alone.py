"""Only the first of the r rows of an expert is used."""

import numpy as np
from _adapting import AdaptingBackend

CLAUSE, STAGE = "ADP-3", "accumulation"


class Mutant(AdaptingBackend):
    def rows(self, adapter, target, ids):
        return tuple(part[..., :1, :] for part in super().rows(adapter, target, ids))

    def table(self, adapter, ids, gate, weights, other):
        found = np.zeros((adapter.config.num_experts, adapter.config.rank, other.shape[1]))
        found[:, :1] = super().table(adapter, ids, gate, np.repeat(weights, adapter.config.rank, -1), other)[:, :1]
        return found


name, profiles, forward, select, gradients, adapt, adapter_gradients = Mutant.as_backend()
