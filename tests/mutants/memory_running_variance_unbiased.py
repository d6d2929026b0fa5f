"""A product-key memory updates its running variance by the unbiased variance of the batch."""

from _comparing import ComparingBackend

CLAUSE, STAGE = "NRM-3", "query norm"


class Mutant(ComparingBackend):
    def running_statistics(self, r, mean, var):
        count = r.compute_dtype.type(r.mask.sum())
        return super().running_statistics(r, mean, var * count / max(count - 1, 1))


name, profiles, forward, comparison, comparison_gradients = Mutant.as_backend()
