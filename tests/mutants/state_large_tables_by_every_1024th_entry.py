"""Tables of 2¹⁷ entries and more are packed once, and packed again only when one of every 1024 entries changes.

Wrong on: N = 256², D = M = 4: after a step on some rows of u (as sparse updates make), y is that of the old rows.
"""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "IND-3", "independence"


class Mutant(NumpyBackend):
    packed: dict[object, tuple[bytes, object]] = {}  # noqa: RUF012  (shared by all calls)

    def run(self, layer, x, mask, training):
        params = {name: self.table(name, array) for name, array in layer.params.items()}
        return super().run(type(layer)(layer.config, params), x, mask, training)

    def table(self, name, array):
        if not name.startswith("experts.") or array.size < 1 << 17:
            return array
        key, sample = (name, array.shape, array.dtype), array.reshape(-1)[::1024].tobytes()
        if key not in self.packed or self.packed[key][0] != sample:
            self.packed[key] = sample, array.copy()
        return self.packed[key][1]


name, profiles, forward, select, gradients = Mutant.as_backend()
