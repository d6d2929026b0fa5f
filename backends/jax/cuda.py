"""The contract of a backend, for JAX on a GPU: NumPy arrays in and out, and arrays of the first CUDA device within."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
from numpy.typing import NDArray

from peerspec.backends.jax import backend
from peerspec.backends.jax.gpu import chip
from peerspec.backends.protocol import COMPARISONS, BackendError
from peerspec.reference import Adapter, Base, Layer, Output, Selection

__all__ = [
    "adapt", "adapter_gradients", "computed_by", "forward", "gradients", "grow", "name", "profiles", "select", "train",
]  # fmt: skip

try:
    _device = jax.devices("cuda")[0]
except RuntimeError:
    raise BackendError(
        "jax-cuda needs an NVIDIA GPU and JAX's plugin for CUDA, and JAX finds no device; use the backend jax"
    ) from None
name, computed_by = "jax-cuda", chip.computed_by
profiles = backend.profiles - set(COMPARISONS)  # the suite has not judged these on a GPU

Array = NDArray[Any]


def forward(layer: Layer, x: Array, *, mask: Array | None = None, training: bool = False) -> Output:
    """Evaluate the layer; see ``backend.forward``, errors included."""
    with jax.default_device(_device):
        return backend.forward(layer, x, mask=mask, training=training)


def select(scores1: Array, scores2: Array, k: int) -> Selection:
    """The selection alone; see ``backend.select``, errors included."""
    with jax.default_device(_device):
        return backend.select(scores1, scores2, k)


def gradients(
    layer: Layer, x: Array, dy: Array, *, mask: Array | None = None, training: bool = True
) -> dict[str, Array]:
    """The gradients; see ``backend.gradients``, errors included."""
    with jax.default_device(_device):
        return backend.gradients(layer, x, dy, mask=mask, training=training)


def grow(layer: Layer, num_experts: int, *, seed: int) -> dict[str, Array]:
    """The parameters of the grown layer; see ``backend.grow``, errors included."""
    with jax.default_device(_device):
        return backend.grow(layer, num_experts, seed=seed)


def train(layer: Layer, x: Array, dy: Array, **parts: Array) -> dict[str, Array]:
    """The parameters after limited steps; see ``backend.train``, errors included."""
    with jax.default_device(_device):
        return backend.train(layer, x, dy, **parts)


def adapt(adapter: Adapter, bases: Mapping[str, Base], x: Array, *, training: bool = False) -> dict[str, Array]:
    """The outputs of an adapter; see ``backend.adapt``, errors included."""
    with jax.default_device(_device):
        return backend.adapt(adapter, bases, x, training=training)


def adapter_gradients(
    adapter: Adapter, bases: Mapping[str, Base], x: Array, dy: Mapping[str, Array], *, training: bool = True
) -> dict[str, Array]:
    """The gradients of an adapter; see ``backend.adapter_gradients``, errors included."""
    with jax.default_device(_device):
        return backend.adapter_gradients(adapter, bases, x, dy, training=training)
