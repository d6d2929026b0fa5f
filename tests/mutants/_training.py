"""Gradient descent with momentum and weight decay on a part of a layer; a mutant or a variant overrides one method."""

from __future__ import annotations

from typing import Any

import numpy as np

from peerspec import reference as spec
from peerspec.backends import reference
from peerspec.backends.protocol import LAYER_PROFILES
from peerspec.reference import Layer, Trainable
from peerspec.reference.config import STATISTICS

__all__ = ["TrainingBackend"]

Array = Any


class TrainingBackend:
    """Steps in float64, each rounded once to the dtype of the layer."""

    name = "NumPy training"
    profiles = LAYER_PROFILES | {"growth", "trainable"}
    forward = staticmethod(reference.forward)
    select = staticmethod(reference.select)
    gradients = staticmethod(reference.gradients)
    grow = staticmethod(reference.grow)
    rate, momentum, decay = 0.05, 0.9, 0.1

    @classmethod
    def as_backend(cls) -> tuple[Any, ...]:
        """The names that make a module a backend: name, profiles, forward, select, gradients, grow, train."""
        b = cls()
        return b.name, b.profiles, b.forward, b.select, b.gradients, b.grow, b.train

    def train(self, layer: Layer, x: Array, dy: Array, **parts: Array) -> dict[str, Array]:
        self.start(layer)
        for tokens, upstream, part in zip(x, dy, Trainable.by_steps(**parts), strict=True):
            layer = self.step(layer, tokens, upstream, part)
        return dict(layer.params)

    def start(self, layer: Layer) -> None:
        self.velocity: dict[str, Array] = {name: np.zeros(part.shape) for name, part in layer.params.items()}

    def step(self, layer: Layer, x: Array, dy: Array, part: Trainable) -> Layer:
        found = spec.gradients(layer, x, dy, training=self.mode(part))
        masks = self.masks(layer, part)
        new = {name: self.updated(name, layer.params[name], found[name], mask) for name, mask in masks.items()}
        return Layer(layer.config, dict(layer.params) | new | self.statistics(layer, x, part))

    def mode(self, part: Trainable) -> bool:
        """Whether a step is in the mode training."""
        return part.statistics

    def masks(self, layer: Layer, part: Trainable) -> dict[str, Array]:
        """Where each learned parameter may change."""
        return dict(part.masks(layer.config))

    def updated(self, name: str, old: Array, gradient: Array, mask: Array) -> Array:
        wide = old.astype(np.float64)
        velocity = self.momentum * self.velocity[name] + gradient + self.decay * wide
        self.velocity[name] = np.where(mask, velocity, self.velocity[name])
        return np.where(mask, (wide - self.rate * velocity).astype(old.dtype), old)

    def statistics(self, layer: Layer, x: Array, part: Trainable) -> dict[str, Array]:
        """The new running statistics of a step."""
        if not part.statistics or layer.config.query_norm != "batch":
            return {}
        state = spec.forward(layer, x, training=True).state or {}
        return {name: state[name].astype(layer.params[name].dtype) for name in STATISTICS}
