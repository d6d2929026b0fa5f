"""The cases of the named profiles: query bias, query norm, GLU, sigmoid, keys per head, and gradients."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from peerspec.conformance.case import CaseSpec, Draw
from peerspec.conformance.cases.core import SMALL
from peerspec.conformance.cases.layers import exact_params, full_params, tokens
from peerspec.reference import PeerConfig

__all__ = ["PROFILES"]

RELU = replace(SMALL, activation="relu")
OUTPUT = frozenset({"any", "untraced"})


def _build(*, exact: bool = False, masked: bool = False, training: bool = False, dy: bool = False) -> Any:
    def build(draw: Draw, config: PeerConfig) -> dict[str, Any]:
        params = (exact_params if exact else full_params)(draw, config)
        x = tokens(draw, (6, config.d_model), exact=exact)
        parts: dict[str, Any] = {"params": params, "x": x, "training": training}
        if masked:
            parts["mask"] = np.array([True, True, False, True, False, True])
        if dy:
            shape = (6, config.d_out)
            parts["dy"] = draw.coarse("dy", shape, 3, 2) if exact else draw.full("dy", shape)
        return parts

    return build


def _twins(draw: Draw, config: PeerConfig) -> dict[str, Any]:
    parts: dict[str, Any] = _build(dy=True)(draw, config)
    weight = parts["params"]["query.weight"]
    parts["params"]["query.weight"] = np.repeat(weight[:1], config.heads, 0)
    parts["x"] = np.repeat(parts["x"][:3], 2, 0)  # tokens come in pairs: every row is used at least four times
    return parts


def _spec(name: str, config: PeerConfig, tag: str, profile: str, build: Any, **more: Any) -> CaseSpec:
    return CaseSpec(name, config, build, OUTPUT | {tag}, frozenset({profile}), **more)


def _gradient(
    name: str, config: PeerConfig, build: Any, *profiles: str, tag: str = "gradient", **more: Any
) -> CaseSpec:
    return CaseSpec(name, config, build, frozenset({tag}), frozenset({"training", *profiles}), **more)


BATCH, LAYER = replace(RELU, query_norm="batch"), replace(RELU, query_norm="layer")
GLU = replace(SMALL, expert="glu", activation="silu")
PROFILES: tuple[CaseSpec, ...] = (
    _spec("exact.bias", replace(RELU, query_bias=True), "bias", "query-bias", _build(exact=True)),
    _spec("numeric.bias", replace(RELU, query_bias=True), "bias", "query-bias", _build()),
    _spec("norm.inference", BATCH, "norm.inference", "query-norm", _build()),
    _spec("norm.training", BATCH, "norm.training", "query-norm", _build(training=True)),
    _spec("norm.masked", BATCH, "norm.masked", "query-norm", _build(training=True, masked=True)),
    _spec("norm.ignored", BATCH, "norm.inference", "query-norm", _build(masked=True)),
    _spec("norm.layer", LAYER, "norm.layer", "query-norm", _build()),
    _spec("numeric.glu", GLU, "glu", "glu", _build()),
    _spec("exact.glu", replace(GLU, activation="relu"), "glu", "glu", _build(exact=True)),
    _spec("numeric.sigmoid", replace(RELU, gate="sigmoid"), "sigmoid", "sigmoid", _build()),
    _spec("exact.per-head", replace(RELU, key_heads=2), "per-head", "per-head-keys", _build(exact=True)),
    _spec("numeric.per-head", replace(RELU, key_heads=2), "per-head", "per-head-keys", _build()),
    _gradient(
        "exact.gradient",
        replace(SMALL, activation="identity", top_k=1),
        _build(exact=True, dy=True),
        tag="gradient.one",
    ),
    _gradient("gradient.relu", RELU, _build(dy=True)),
    _gradient("gradient.gelu", SMALL, _build(dy=True), everywhere=True),
    _gradient("gradient.gelu_tanh", replace(SMALL, activation="gelu_tanh"), _build(dy=True), size=1),
    _gradient("gradient.silu", replace(SMALL, activation="silu"), _build(dy=True), size=1),
    _gradient("gradient.twins", RELU, _twins),
    _gradient("gradient.bias", replace(RELU, query_bias=True), _build(dy=True), "query-bias"),
    _gradient(
        "gradient.batch",
        BATCH,
        _build(dy=True, masked=True, training=True),
        "query-norm",
        tag="gradient.norm",
    ),
    _gradient("gradient.layer", LAYER, _build(dy=True), "query-norm", tag="gradient.norm"),
    _gradient("gradient.glu", GLU, _build(dy=True), "glu"),
    _gradient("gradient.sigmoid", replace(RELU, gate="sigmoid"), _build(dy=True), "sigmoid"),
    _gradient("gradient.per-head", replace(RELU, key_heads=2), _build(dy=True), "per-head-keys"),
)
