"""The reference as a backend: it computes in float64, in every precision and profile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerspec import reference
from peerspec.backends.protocol import ALL_PROFILES
from peerspec.reference import Adapter, Base, Layer, Output, Selection, Trainable, select_two_stage
from peerspec.reference import comparison as chapter_15

__all__ = [
    "adapt", "adapter_gradients", "comparison", "comparison_gradients", "computed_by", "forward", "gradients", "grow",
    "name", "profiles", "select", "train",
]  # fmt: skip

name = "reference"
profiles = ALL_PROFILES

Array = NDArray[Any]


def computed_by() -> str:
    """What computes."""
    return "NumPy, in float64"


def forward(layer: Layer, x: Array, *, mask: Array | None = None, training: bool = False) -> Output:
    """The reference, with results rounded to the dtypes of PRC-6 and PRC-3."""
    out = reference.forward(layer, x, mask=mask, training=training)
    assert out.scores is not None
    assert out.gates is not None
    compute_dtype = reference.compute_dtype(layer.dtype)
    state = out.state and {key: value.astype(compute_dtype) for key, value in out.state.items()}
    with np.errstate(over="ignore"):
        return Output(
            out.y.astype(x.dtype),
            out.scores.astype(compute_dtype),
            out.indices,
            out.gates.astype(compute_dtype),
            state,
        )


def select(scores1: Array, scores2: Array, k: int) -> Selection:
    """The selection of the paper in two stages, in the dtype of the half scores."""
    return select_two_stage(scores1, scores2, k)


def gradients(
    layer: Layer, x: Array, dy: Array, *, mask: Array | None = None, training: bool = True
) -> dict[str, Array]:
    """The gradients of the reference, rounded once: that of x to its dtype, the others to that of the layer (PRC-6)."""
    found = reference.gradients(layer, x, dy, mask=mask, training=training)
    return {key: grad.astype(x.dtype if key == "x" else layer.dtype) for key, grad in found.items()}


def grow(layer: Layer, num_experts: int, *, seed: int) -> dict[str, Array]:
    """The parameters of the grown layer."""
    return dict(reference.grow(layer, num_experts, seed=seed).params)


def train(layer: Layer, x: Array, dy: Array, **parts: Array) -> dict[str, Array]:
    """The parameters after as many steps of gradient descent with momentum and weight decay."""
    return dict(reference.train(layer, x, dy, Trainable.by_steps(**parts)).params)


def comparison(
    layer: chapter_15.ComparisonLayer, x: Array, *, mask: Array | None = None, training: bool = False
) -> dict[str, Array]:
    """y and the routing of a layer of chapter 15, rounded to the dtypes of PRC-6 and PRC-3."""
    out = chapter_15.forward(layer, x, mask=mask, training=training)
    found = {field.name: getattr(out, field.name) for field in fields(out)}
    found |= found.pop("state", None) or {}
    compute_dtype = reference.compute_dtype(layer.dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        return {
            name: array.astype(x.dtype if name == "y" else compute_dtype) if array.dtype.kind == "f" else array
            for name, array in found.items()
            if array is not None
        }


def comparison_gradients(
    layer: chapter_15.ComparisonLayer, x: Array, dy: Array, *, mask: Array | None = None, training: bool = True
) -> dict[str, Array]:
    """The gradients of a layer of chapter 15, rounded once, as ``gradients``."""
    found = chapter_15.gradients(layer, x, dy, mask=mask, training=training)
    return {key: grad.astype(x.dtype if key == "x" else layer.dtype) for key, grad in found.items()}


def adapt(adapter: Adapter, bases: Mapping[str, Base], x: Array, *, training: bool = False) -> dict[str, Array]:
    """The outputs of all targets with the routing, rounded once as those of ``forward``."""
    out = reference.adapt(adapter, bases, x, training=training)
    compute_dtype = reference.compute_dtype(adapter.params["keys"].dtype)
    with np.errstate(over="ignore"):
        found = {f"y.{target}": y.astype(x.dtype) for target, y in out.y.items()}
    routing = {"scores": out.scores.astype(compute_dtype), "gates": out.gates.astype(compute_dtype)}
    return found | routing | {"indices": out.indices}


def adapter_gradients(
    adapter: Adapter, bases: Mapping[str, Base], x: Array, dy: Mapping[str, Array], *, training: bool = True
) -> dict[str, Array]:
    """The gradients of an adapter and of x, rounded once as those of a layer (PRC-6)."""
    found = reference.adapter_gradients(adapter, bases, x, dy, training=training)
    dtype = adapter.params["keys"].dtype
    return {key: grad.astype(x.dtype if key == "x" else dtype) for key, grad in found.items()}
