"""The reference with its growth; a mutant or a variant overrides one of its methods.

Growth goes through the grid of pairs: ``table`` puts the rows of old experts into a grid [n′, n′, width] of new values.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from peerspec.backends import reference
from peerspec.backends.protocol import LAYER_PROFILES
from peerspec.reference import Layer, PeerConfig, PeerError

__all__ = ["GrowingBackend"]

Array = Any


class GrowingBackend:
    """Sub-keys and rows in a grid; the new values of a pair come from its indices and the seed."""

    name = "NumPy growth"
    profiles = LAYER_PROFILES | {"growth"}
    forward = staticmethod(reference.forward)
    select = staticmethod(reference.select)
    gradients = staticmethod(reference.gradients)

    @classmethod
    def as_backend(cls) -> tuple[Any, ...]:
        """The names that make a module a backend: name, profiles, forward, select, gradients, grow."""
        backend = cls()
        return backend.name, backend.profiles, backend.forward, backend.select, backend.gradients, backend.grow

    def grow(self, layer: Layer, num_experts: int, *, seed: int) -> dict[str, Array]:
        config = self.grown(layer.config, num_experts)
        params = {name: self.kept(name, array) for name, array in layer.params.items()}
        params["keys"] = self.keys(layer.config, config, params["keys"], seed)
        for name in [name for name in params if name.startswith("experts.")]:
            params[name] = self.table(name, layer.config, config, params[name], seed)
        return params

    def grown(self, config: PeerConfig, num_experts: int) -> PeerConfig:
        if num_experts < config.num_experts:
            raise PeerError("fewer experts")
        return replace(config, num_experts=num_experts)

    def kept(self, name: str, array: Array) -> Array:
        """A parameter before it grows; those that do not grow stay like that."""
        return array

    def keys(self, old: PeerConfig, new: PeerConfig, array: Array, seed: int) -> Array:
        added = [self.sub_keys(m, array, seed) for m in range(old.n, new.n)]
        return np.concatenate([array, *(part[:, :, None] for part in added)], 2)

    def sub_keys(self, m: int, array: Array, seed: int) -> Array:
        """[H_k, 2, d/2], the new sub-keys with the index m."""
        return self.random([seed, 0, m], (*array.shape[:2], array.shape[3])).astype(array.dtype)

    def table(self, name: str, old: PeerConfig, new: PeerConfig, array: Array, seed: int) -> Array:
        grid = np.empty((new.n, new.n, array.shape[1]), array.dtype)
        for m in range(old.n, new.n):
            grid[m, : m + 1], grid[:m, m] = self.rows(name, m, array, seed)
        grid[: old.n, : old.n] = array.reshape(old.n, old.n, -1)
        return grid.reshape(new.num_experts, -1)

    def rows(self, name: str, m: int, array: Array, seed: int) -> tuple[Array, Array]:
        """[m + 1, width] and [m, width], the new rows whose larger sub-key is m: of (m, 0) … (m, m), and of (0, m) …"""
        found = self.random([seed, 1 + "uvw".index(name[-1]), m], (2 * m + 1, array.shape[1])).astype(array.dtype)
        return found[: m + 1], found[m + 1 :]

    def random(self, seed: list[int], shape: tuple[int, ...]) -> Array:
        return np.random.default_rng(seed).standard_normal(shape)
