"""Without a capacity an expert has places for four times its even share of tokens, or 16."""

from _comparing import ComparingBackend

CLAUSE, STAGE = "TCM-5", "selection"


class Mutant(ComparingBackend):
    def places(self, r):
        share = len(r.ids) * r.config.top_k / r.config.num_experts
        return max(16, 4 * share) if r.config.capacity is None else r.config.capacity


name, profiles, forward, comparison, comparison_gradients = Mutant.as_backend()
