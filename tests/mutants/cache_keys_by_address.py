"""Sub-keys are prepared once for each address, whatever lies there later."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "IND-3", "independence"


class Mutant(NumpyBackend):
    def keys(self, r):
        array = r.layer.params["keys"]
        kept = self.cache.get(array.ctypes.data)
        if kept is None or kept[0] is not array:  # the array is kept, so that no other gets its address
            kept = self.cache[array.ctypes.data] = array, super().keys(r).copy()
        return kept[1]

    cache: dict[int, object] = {}  # noqa: RUF012  (shared by all calls)


name, profiles, forward, select, gradients = Mutant.as_backend()
