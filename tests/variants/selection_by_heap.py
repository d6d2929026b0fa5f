"""Cells of the grid are taken from a heap, which starts with the best cell."""

import heapq

import numpy as np
from _base import NumpyBackend, stable_topk


class Variant(NumpyBackend):
    def selection(self, s1, s2, k):
        lead, n = s1.shape[:-1], s1.shape[-1]
        rows = [self.walk(a, b, k) for a, b in zip(s1.reshape(-1, n), s2.reshape(-1, n), strict=True)]
        scores = np.array([[score for score, _ in row] for row in rows], s1.dtype)
        return scores.reshape(*lead, k), np.array([[id for _, id in row] for row in rows], np.int64).reshape(*lead, k)

    def walk(self, s1, s2, k):
        n = len(s1)
        first, second = stable_topk(s1, n), stable_topk(s2, n)
        key = lambda a, b: (-(s1[first[a]] + s2[second[b]]), a, b)  # noqa: E731
        heap, found = [key(0, 0)], []
        while len(found) < k:
            _, a, b = heapq.heappop(heap)
            found.append((s1[first[a]] + s2[second[b]], first[a] * n + second[b]))
            if b + 1 < n:
                heapq.heappush(heap, key(a, b + 1))
            if b == 0 and a + 1 < n:
                heapq.heappush(heap, key(a + 1, 0))
        return found


name, profiles, forward, select, gradients = Variant.as_backend()
