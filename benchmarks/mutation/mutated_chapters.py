"""Chapters 12, 14 and 15 of the reference as a backend, from the modules beside this file; layers are as installed."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
from chapter_adapter import adapt as reference_adapt
from chapter_adapter_gradients import adapter_gradients as reference_adapter_gradients
from chapter_dense import dense, dense_backward
from chapter_expert_choice import expert_choice, expert_choice_backward
from chapter_growth import grow as reference_grow
from chapter_pkm import pkm, pkm_backward
from chapter_token_choice import token_choice, token_choice_backward

from peerspec.backends import reference as installed
from peerspec.reference import Adapter, Layer, Output, compute_dtype
from peerspec.reference.comparison.layer import ComparisonLayer
from peerspec.reference.comparison.validation import flatten

forward, gradients = installed.forward, installed.gradients
name = "mutated chapters"
profiles = (
    *("float32", "float64", "mixed-bfloat16", "query-bias", "query-norm", "glu", "sigmoid", "per-head-keys"),
    *("training", "frozen-statistics", "growth", "adapter", "dense", "token-choice", "expert-choice", "pkm"),
)


def grow(layer: Layer, num_experts: int, *, seed: int) -> dict[str, Any]:
    return dict(reference_grow(layer, num_experts, seed=seed).params)


def adapt(adapter: Adapter, bases: Any, x: Any, *, training: bool = False) -> dict[str, Any]:
    out = reference_adapt(adapter, bases, x, training=training)
    with np.errstate(over="ignore"):
        found = {f"y.{target}": y.astype(x.dtype) for target, y in out.y.items()}
    dtype = compute_dtype(adapter.params["keys"].dtype)
    return found | {"scores": out.scores.astype(dtype), "gates": out.gates.astype(dtype), "indices": out.indices}


def adapter_gradients(adapter: Adapter, bases: Any, x: Any, dy: Any, *, training: bool = True) -> dict[str, Any]:
    indices = reference_adapt(adapter, bases, x, training=training).indices
    found = reference_adapter_gradients(adapter, bases, x, dy, training=training, indices=indices)
    dtype = adapter.params["keys"].dtype
    return {key: grad.astype(x.dtype if key == "x" else dtype) for key, grad in found.items()}


def comparison(layer: ComparisonLayer, x: Any, *, mask: Any = None, training: bool = False) -> dict[str, Any]:
    tokens, counted, lead = flatten(layer.config.d_model, layer.dtype, x, mask)
    out = _evaluate(layer, tokens.astype(np.float64), counted, training=training)
    parts = {field.name: getattr(out, field.name) for field in fields(out)}
    state = parts.pop("state", None) or {}
    parts = {key: part.reshape(*lead, *part.shape[1:]) for key, part in parts.items() if part is not None}
    dtype = compute_dtype(layer.dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        return {
            key: part.astype(x.dtype if key == "y" else dtype) if part.dtype.kind == "f" else part
            for key, part in (parts | state).items()
        }


def comparison_gradients(
    layer: ComparisonLayer, x: Any, dy: Any, *, mask: Any = None, training: bool = True
) -> dict[str, Any]:
    tokens, counted, _ = flatten(layer.config.d_model, layer.dtype, x, mask)
    tokens = tokens.astype(np.float64)
    upstream = dy.reshape(-1, layer.config.d_out).astype(np.float64)
    out = _evaluate(layer, tokens, counted, training=training)
    with np.errstate(invalid="ignore", over="ignore"):
        found = _backward(layer, tokens, counted, out, upstream, training=training)
    found["x"] = found["x"].reshape(x.shape)
    return {key: grad.astype(x.dtype if key == "x" else layer.dtype) for key, grad in found.items()}


def _evaluate(layer: ComparisonLayer, x: Any, mask: Any, *, training: bool) -> Any:
    config: Any = layer.config
    with np.errstate(invalid="ignore", over="ignore"):
        if config.kind == "dense":
            return Output(dense(config, layer, x))
        if config.kind == "token-choice":
            return token_choice(config, layer, x, mask)
        if config.kind == "expert-choice":
            return expert_choice(config, layer, x, mask)
        return pkm(config, layer, x, mask, training=training)


def _backward(layer: ComparisonLayer, x: Any, mask: Any, out: Any, dy: Any, *, training: bool) -> dict[str, Any]:
    config: Any = layer.config
    if config.kind == "dense":
        return dense_backward(config, layer, x, dy)
    if config.kind == "token-choice":
        return token_choice_backward(config, layer, x, out, dy)
    if config.kind == "expert-choice":
        return expert_choice_backward(config, layer, x, out, dy)
    return pkm_backward(config, layer, x, mask, out, dy, training=training)
