"""Of tokens with equal scores an expert chooses the later ones."""

from _comparing import ComparingBackend

CLAUSE, STAGE = "XCM-5", "selection"


class Mutant(ComparingBackend):
    def first(self, scores, count):
        return len(scores) - 1 - super().first(scores[::-1], count)


name, profiles, forward, comparison, comparison_gradients = Mutant.as_backend()
