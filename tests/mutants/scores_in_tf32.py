"""Half scores run in TF32."""

from _layer import Net, tf32

CLAUSE, STAGE = "PRC-2", "score"


class Mutant(Net):
    def half_scores(self, r):
        r.q, r.params["keys"] = tf32(r.q), tf32(r.params["keys"])
        return super().half_scores(r)


name, profiles, forward, select, gradients = Mutant.parts()
