"""Experts choose tokens by logits instead of scores."""

from _comparing import ComparingBackend

CLAUSE, STAGE = "XCM-5", "selection"


class Mutant(ComparingBackend):
    def chosen(self, r, capacity):
        scores, r.scores = r.scores, r.logits
        chosen, r.scores = super().chosen(r, capacity), scores
        return chosen


name, profiles, forward, comparison, comparison_gradients = Mutant.as_backend()
