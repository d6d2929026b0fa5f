"""Of experts with equal logits the higher index is chosen first."""

from _comparing import ComparingBackend
from _numpy_functions import stable_topk

CLAUSE, STAGE = "TCM-3", "selection"


class Mutant(ComparingBackend):
    def choices(self, r):
        last = r.config.num_experts - 1
        return last - stable_topk(r.logits[:, ::-1], r.config.top_k)


name, profiles, forward, comparison, comparison_gradients = Mutant.as_backend()
