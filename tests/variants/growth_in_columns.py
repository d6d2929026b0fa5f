"""Grown parameters lie in memory by columns, and grow by one sub-key at a time."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "mutants"))

from _growing import GrowingBackend

from peerspec.reference import Layer


class Variant(GrowingBackend):
    def grow(self, layer, num_experts, *, seed):
        new = self.grown(layer.config, num_experts)
        for n in range(layer.config.n + 1, new.n):
            config = replace(layer.config, num_experts=n * n)
            layer = Layer(config, super().grow(layer, n * n, seed=seed))
        params = super().grow(layer, num_experts, seed=seed)
        return {name: np.asfortranarray(array) for name, array in params.items()}


name, profiles, forward, select, gradients, grow = Variant.as_backend()
