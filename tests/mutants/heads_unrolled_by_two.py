"""The loop over heads is unrolled by two, and the last of an odd number of heads is omitted."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "OUT-1", "accumulation"


class Mutant(NumpyBackend):
    def output(self, r):
        heads = r.config.heads // 2 * 2 or 1
        weights = (r.gates * r.weights)[:, :heads]
        return self.einsum("thk,thkm->tm", weights, r.params["experts.v"][r.ids[:, :heads]])


name, profiles, forward, select, gradients = Mutant.as_backend()
