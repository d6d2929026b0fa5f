"""A graph is recorded for each power of two of tokens; beyond the number of its first call, tokens get y = 0.

Wrong on: one layer, a call with T = 5 and then one with T = 8: tokens 5 to 7.
"""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "IND-3", "independence"


class Mutant(NumpyBackend):
    recorded: dict[object, int] = {}  # noqa: RUF012  (shared by all calls)

    def output(self, r):
        y, count = super().output(r), len(r.x)
        if not count:
            return y
        key = (r.config, r.layer.dtype, r.input_dtype, r.training, (count - 1).bit_length())
        y[self.recorded.setdefault(key, count) :] = 0
        return y


name, profiles, forward, select, gradients = Mutant.as_backend()
