"""Capacities count anew for each 32 tokens, as where tokens are computed in chunks."""

from _comparing import ComparingBackend, Pass

CLAUSE, STAGE = "TCM-5", "selection"


class Mutant(ComparingBackend):
    def kept(self, r):
        kept = super().kept(r)
        for start in range(32, len(r.ids), 32):
            part = Pass(config=r.config, ids=r.ids[start : start + 32], computed=r.computed[start : start + 32])
            kept[start : start + 32] = super().kept(part)
        return kept


name, profiles, forward, comparison, comparison_gradients = Mutant.as_backend()
