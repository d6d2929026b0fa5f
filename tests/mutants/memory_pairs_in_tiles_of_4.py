"""A product-key memory adds whole tiles of 4 pairs of a head, and not the rest beside them."""

from _comparing import ComparingBackend

CLAUSE, STAGE = "PKM-3", "accumulation"


class Mutant(ComparingBackend):
    def recalled(self, r):
        k = r.config.top_k
        gates = r.gates.copy()
        gates[..., k // 4 * 4 if k > 4 else k :] = 0
        return self.einsum("thk,thkm->tm", gates, r.params["values"][r.ids])


name, profiles, forward, comparison, comparison_gradients = Mutant.as_backend()
