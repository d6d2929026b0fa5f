"""Scale and bias of the query norm are trainable where the query maps are, whatever is said of the norm itself.

Wrong on: one step with query=True, query_norm=False: query_norm.scale changes.
"""

from _training import TrainingBackend

CLAUSE, STAGE = "TRN-2", "parameters"


class Mutant(TrainingBackend):
    def masks(self, layer, part):
        found = super().masks(layer, part)
        return {name: found["query.weight"] if name.startswith("query_norm.") else mask for name, mask in found.items()}


name, profiles, forward, select, gradients, grow, train = Mutant.as_backend()
