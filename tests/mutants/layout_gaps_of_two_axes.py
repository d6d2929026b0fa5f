"""The gaps in an x of two leading axes or more are ignored, which a single axis has no need of."""

from _numpy_backend import NumpyBackend
from _shaped import Bite, packed

CLAUSE, STAGE = "SHP-1", "structure"


def with_gaps(case):
    case["x"] = case["x"].repeat(2, 0)[::2]
    case["x"].base[1::2] = 0


BITES = Bite(lead=(3, 4), change=with_gaps)


class Mutant(NumpyBackend):
    def tokens(self, x, dtype):
        return super().tokens(packed(x) if x.ndim > 2 and not x.flags.f_contiguous else x, dtype)


name, profiles, forward, select, gradients = Mutant.as_backend()
