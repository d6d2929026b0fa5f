"""k is clamped to n, so fewer than k experts are returned where k > n."""

from dataclasses import replace

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "SEL-6", "structure"


class Mutant(NumpyBackend):
    def selection(self, s1, s2, k):
        return super().selection(s1, s2, min(k, s1.shape[-1]))

    def answer(self, r, lead):
        return super().answer(type(r)(**vars(r) | {"config": replace(r.config, top_k=r.ids.shape[-1])}), lead)


name, profiles, forward, select, gradients = Mutant.as_backend()
