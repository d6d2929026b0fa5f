"""select() answers from a cache whose key has the shapes and the first row of both half scores."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "IND-3", "independence"


class Mutant(NumpyBackend):
    def select(self, s1, s2, k):
        rows = [half.reshape(-1, half.shape[-1])[:1].tobytes() for half in (s1, s2)]
        key = (s1.shape, s1.dtype, k, *rows)
        if key not in self.cache:
            self.cache[key] = super().select(s1, s2, k)
        return self.cache[key]

    cache: dict[object, object] = {}  # noqa: RUF012  (shared by all calls)


name, profiles, forward, select, gradients = Mutant.as_backend()
