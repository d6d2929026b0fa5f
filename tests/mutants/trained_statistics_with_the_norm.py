"""The running statistics follow the batch wherever scale and bias of the norm learn, frozen statistics or not.

Wrong on: one step with query_norm=True, statistics=False (a fine-tuned norm with frozen statistics): query_norm.mean
changes.
"""

from dataclasses import replace

from _training import TrainingBackend

CLAUSE, STAGE = "TRN-4", "parameters"


class Mutant(TrainingBackend):
    def statistics(self, layer, x, part):
        return super().statistics(layer, x, replace(part, statistics=part.statistics or part.query_norm))


name, profiles, forward, select, gradients, grow, train = Mutant.as_backend()
