"""The cases of the named profiles: query bias, query norm, GLU, sigmoid, keys per head, and gradients."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from peerspec.conformance.cases.case import CaseDefinition, Draw
from peerspec.conformance.cases.core import SINGLE, SMALL
from peerspec.conformance.cases.layers import exact_params, full_params, loud, steered, tokens
from peerspec.reference import PeerConfig

__all__ = ["PROFILE_CASES"]

BASE = PeerConfig(33, 5, 17**2, 9, 38, d_out=10)
"""More of all than a vector or two hold, and more experts than 8 bits number; yet six tokens are few numbers."""
RELU = replace(BASE, activation="relu")
OUTPUT = frozenset({"any", "without routing"})
OTHER = frozenset({"parameters"})
"""Asked again with other parameters."""


def _build(*lead: int, exact: bool = False, masked: bool = False, training: bool = False, dy: bool = False) -> Any:
    def build(draw: Draw, config: PeerConfig) -> dict[str, Any]:
        params = (exact_params if exact else full_params)(draw, config)
        shape = lead or (6,)
        x = tokens(draw, (*shape, config.d_model), exact=exact)
        parts: dict[str, Any] = {"params": params, "x": x, "training": training}
        if masked:
            parts["mask"] = np.array([True, True, False, True, False, True]).reshape(shape)
        if dy:
            wide = (*shape, config.d_out)
            parts["dy"] = draw.coarse("dy", wide, 3, 2) if exact else draw.full("dy", wide)
        return parts

    return build


def _twins(draw: Draw, config: PeerConfig) -> dict[str, Any]:
    parts: dict[str, Any] = _build(dy=True)(draw, config)
    weight = parts["params"]["query.weight"]
    parts["params"]["query.weight"] = np.repeat(weight[:1], config.heads, 0)
    parts["x"] = np.repeat(parts["x"][:3], 2, 0)  # tokens come in pairs: every row is used at least four times
    return parts


def _kink(draw: Draw, config: PeerConfig) -> dict[str, Any]:
    """All N scores differ, so every selection is certain; relu meets zero in every second row of u and in no other."""
    parts: dict[str, Any] = _build(exact=True, dy=True)(draw, config)
    steps = np.arange(config.n) / 8
    parts["params"] = steered(draw, config, [*steps], [*config.n * steps])
    parts["params"]["experts.u"][::2], parts["params"]["experts.u"][1::2, 0] = 0, 128
    parts["x"][:, 0] = [1, 2, -1, 4, 0.5, -2]
    return parts


def _uncounted(draw: Draw, config: PeerConfig) -> dict[str, Any]:
    return _build(training=True)(draw, config) | {"mask": np.zeros(6, bool)}


def _far(draw: Draw, config: PeerConfig) -> dict[str, Any]:
    """Inner products of the last two tokens are ±2048, where exp overflows; no query reads that feature."""
    parts: dict[str, Any] = _build(dy=True)(draw, config)
    params = parts["params"]
    params["query.weight"][..., 0], params["experts.u"][:, 0], parts["x"][-2:, 0] = 0, 1, [2048, -2048]
    return parts


def _in_columns(draw: Draw, config: PeerConfig) -> dict[str, Any]:
    """x and dy with the first axis the fastest in memory."""
    parts: dict[str, Any] = _build(dy=True)(draw, config)
    return parts | {name: np.asfortranarray(parts[name]) for name in ("x", "dy")}


def _tables_in_columns(draw: Draw, config: PeerConfig) -> dict[str, Any]:
    parts: dict[str, Any] = _build(dy=True)(draw, config)
    return parts | {"params": {name: np.asfortranarray(array) for name, array in parts["params"].items()}}


def _spec(
    name: str,
    config: PeerConfig,
    tag: str,
    profile: str,
    build: Any,
    also: str | tuple[str, ...] = (),
    tags: frozenset[str] = frozenset(),
    **more: Any,
) -> CaseDefinition:
    others = (also,) if isinstance(also, str) else also
    return CaseDefinition(name, config, build, OUTPUT | tags | {tag}, frozenset({profile, *others}), **more)


def _gradient(
    name: str, config: PeerConfig, build: Any, *profiles: str, tag: str = "gradient", **more: Any
) -> CaseDefinition:
    tags = {tag} if tag == "gradient.form" or config.query_norm != "none" else {tag, "gradient"}
    return CaseDefinition(name, config, build, frozenset(tags), frozenset({"training", *profiles}), **more)


BROAD = replace(SMALL, d_model=261, d_out=131, activation="identity")
"""Wide tokens, and little else, so that bounds stay tight."""
BATCH, LAYER = (replace(SMALL, activation="relu", query_norm=kind) for kind in ("batch", "layer"))
"""Few features, because ε shows only under a tight bound."""
GLU = replace(BASE, expert="glu")
PER_HEAD, SIGMOID = replace(RELU, key_heads=BASE.heads), replace(SMALL, activation="relu", gate="sigmoid")
ALL = ("query-bias", "query-norm", "glu", "sigmoid", "per-head-keys")
TOGETHER = replace(GLU, activation="silu", query_bias=True, query_norm="batch", gate="sigmoid", key_heads=BASE.heads)
PROFILE_CASES: tuple[CaseDefinition, ...] = (
    _spec("exact.bias", replace(RELU, query_bias=True), "bias", "query-bias", _build(exact=True), tags=OTHER),
    _spec("numeric.bias", replace(RELU, query_bias=True), "bias", "query-bias", _build(), everywhere=1),
    _spec("norm.inference", BATCH, "norm.inference", "query-norm", _build(), everywhere=1),
    _spec("norm.training", BATCH, "norm.training", "query-norm", _build(training=True), narrow=1),
    _spec("norm.masked", BATCH, "norm.masked", "query-norm", _build(training=True, masked=True)),
    _spec("norm.axes", replace(BATCH, d_model=3), "norm.training", "query-norm", _build(5, 13, training=True)),
    _spec("norm.one", BATCH, "norm.training", "query-norm", _build(1, training=True), size=1),
    _spec("norm.masked.axes", BATCH, "norm.masked", "query-norm", _build(2, 3, training=True, masked=True)),
    # they have no answer, so no check of answers asks them
    CaseDefinition("norm.uncounted", BATCH, _uncounted, frozenset({"norm.refused"}), frozenset({"query-norm"})),
    CaseDefinition(
        "norm.empty", BATCH, _build(0, training=True), frozenset({"norm.refused"}), frozenset({"query-norm"})
    ),
    _spec("norm.ignored", BATCH, "norm.inference", "query-norm", _build(masked=True), tags=OTHER),
    _spec("norm.layer", LAYER, "norm.layer", "query-norm", _build(), tags=OTHER, narrow=1),
    _spec(
        "norm.bias",
        replace(RELU, query_bias=True, query_norm="layer"),
        "norm.bias",
        "query-norm",
        _build(),
        also="query-bias",
    ),
    _spec("norm.together", TOGETHER, "together", "query-norm", _build(masked=True, training=True), also=ALL),
    _spec("numeric.glu", GLU, "glu", "glu", _build(), everywhere=1),
    _spec("numeric.glu.silu", replace(GLU, activation="silu"), "glu", "glu", _build()),
    _spec("exact.glu", replace(GLU, activation="relu"), "glu", "glu", _build(exact=True), tags=OTHER),
    _spec("numeric.sigmoid", SIGMOID, "sigmoid", "sigmoid", _build(), everywhere=1),
    _spec("exact.sigmoid.loud", SIGMOID, "sigmoid", "sigmoid", loud),
    _spec("numeric.sigmoid.single", replace(SINGLE, gate="sigmoid"), "sigmoid", "sigmoid", _build(), size=1),
    _spec(
        "exact.per-head",
        PER_HEAD,
        "per-head",
        "per-head-keys",
        _build(exact=True),
        tags=OTHER,
    ),
    _spec("numeric.per-head", PER_HEAD, "per-head", "per-head-keys", _build(), everywhere=1),
    _gradient(
        "exact.gradient",
        replace(SMALL, activation="identity", top_k=1),
        _build(exact=True, dy=True),
        tag="gradient.one",
    ),
    _gradient("gradient.first", replace(SMALL, activation="identity", top_k=1), _build(dy=True), tag="gradient.one"),
    _gradient(
        "gradient.first.norm",
        replace(BATCH, top_k=1),
        _build(dy=True, training=True),
        "query-norm",
        tag="gradient.one",
    ),
    _gradient("exact.kink", RELU, _kink, tag="gradient.kink"),
    _gradient("gradient.relu", RELU, _build(dy=True)),
    _gradient("gradient.gelu", SMALL, _build(dy=True), everywhere=0),
    _gradient("gradient.gelu_tanh", replace(SMALL, activation="gelu_tanh"), _far, size=1),
    _gradient("gradient.silu", replace(SMALL, activation="silu"), _far, size=1),
    _gradient("gradient.masked", SMALL, _build(masked=True, dy=True), tag="gradient.form"),
    _gradient("gradient.axes", SMALL, _build(2, 3, dy=True), tag="gradient.form"),
    _gradient("gradient.empty", SMALL, _build(0, dy=True), tag="gradient.form"),
    _gradient("gradient.columns", SMALL, _in_columns, tag="gradient.form"),
    _gradient("gradient.tables", SMALL, _tables_in_columns, tag="gradient.form"),
    _gradient("gradient.twins", RELU, _twins, tag="gradient.repeat"),
    _gradient(
        "gradient.tall",
        BROAD,
        _build(263, dy=True),
        tag="gradient.repeat",
        size=1,
    ),
    _gradient("gradient.bias", replace(RELU, query_bias=True), _build(dy=True), "query-bias", narrow=1),
    _gradient(
        "gradient.batch",
        BATCH,
        _build(2, 3, dy=True, masked=True, training=True),
        "query-norm",
        tag="gradient.norm",
    ),
    _gradient("gradient.layer", LAYER, _build(dy=True), "query-norm", tag="gradient.norm", narrow=1),
    _gradient(
        "gradient.together",
        TOGETHER,
        _build(dy=True, masked=True, training=True),
        *ALL,
        tag="gradient.norm",
        size=1,
    ),
    _gradient("gradient.glu", GLU, _build(dy=True), "glu", narrow=1),
    _gradient("gradient.sigmoid", SIGMOID, _build(dy=True), "sigmoid", narrow=1),
    _gradient("gradient.sigmoid.single", replace(SINGLE, gate="sigmoid"), _build(dy=True), "sigmoid", size=1),
    _gradient("gradient.per-head", PER_HEAD, _build(dy=True), "per-head-keys"),
)
