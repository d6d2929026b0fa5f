"""A dense layer stores y by the shape of x and one number of each table."""

from typing import ClassVar

from _comparing import ComparingBackend

CLAUSE, STAGE = "IND-3", "independence"


class Mutant(ComparingBackend):
    def dense(self, r):
        super().dense(r)
        key = (r.x.shape, float(r.params["u"].flat[0]), float(r.params["v"].flat[-1]))
        r.y = self.answers.setdefault(key, r.y)

    answers: ClassVar = {}


name, profiles, forward, comparison, comparison_gradients = Mutant.as_backend()
