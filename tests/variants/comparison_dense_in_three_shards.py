"""A dense layer and each expert are split by neurons into three parts, which are added."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "mutants"))

from _comparing import ComparingBackend


class Variant(ComparingBackend):
    def block(self, r, e, x):
        tables = self.tables(r, e)
        parts = [{name: table[shard::3] for name, table in tables.items()} for shard in range(3)]
        return sum(self.product(self.neurons(r, part, x), part["v"]) for part in parts)


name, profiles, forward, comparison, comparison_gradients = Variant.as_backend()
