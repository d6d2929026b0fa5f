"""The backward pass with frozen statistics keeps 1/std by W, scale and bias, and not by the running statistics.

Wrong on: query norm `batch`, gradients with training=False, twice, the second time with 4 times the running variance
and the same W.
"""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "IND-3", "gradient"


class Mutant(NumpyBackend):
    stds: dict[object, object] = {}  # noqa: RUF012  (shared by all calls)

    def frozen_norm_backward(self, r, dunit):
        learned = (r.layer.params[name].tobytes() for name in ("query.weight", "query_norm.scale", "query_norm.bias"))
        key = (r.config, r.layer.dtype, r.compute_dtype, *learned)
        return dunit / self.stds.setdefault(key, r.std.copy())


name, profiles, forward, select, gradients = Mutant.as_backend()
