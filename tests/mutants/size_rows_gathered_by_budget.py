"""Rows of v are gathered in chunks of 2²⁰ numbers, and the last partial chunk reads the gates from the first token on.

Wrong on: D = M = 256, h = 2, k = 16, n = 32, T = 200: y of tokens from 128 on.
"""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "OUT-1", "accumulation"


class Mutant(NumpyBackend):
    budget = 1 << 20

    def output(self, r):
        c = r.config
        chunk = max(1, self.budget // (c.heads * c.top_k * c.d_out))
        tail = len(r.x) // chunk * chunk
        if not 0 < tail < len(r.x):
            return super().output(r)
        whole, r.gates = r.gates, r.gates.copy()
        r.gates[tail:] = whole[: len(whole) - tail]
        y = super().output(r)
        r.gates = whole
        return y


name, profiles, forward, select, gradients = Mutant.as_backend()
