"""Capacity goes to all choices of a token before those of the next token."""

from _comparing import ComparingBackend

CLAUSE, STAGE = "TCM-5", "selection"


class Mutant(ComparingBackend):
    def queue(self, r):
        return ((token, position) for token in range(len(r.ids)) for position in range(r.config.top_k))


name, profiles, forward, comparison, comparison_gradients = Mutant.as_backend()
