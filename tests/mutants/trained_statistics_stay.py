"""A training loop steps the learned parameters and drops the new running statistics of each step.

Wrong on: query norm `batch`, one step on the whole layer: query_norm.mean and query_norm.var.
"""

from _training import TrainingBackend

CLAUSE, STAGE = "TRN-4", "parameters"


class Mutant(TrainingBackend):
    def statistics(self, layer, x, part):
        return {}


name, profiles, forward, select, gradients, grow, train = Mutant.as_backend()
