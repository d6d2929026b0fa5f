"""The cases of the profile ``training``: each has an upstream gradient dy."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from peerspec.conformance.cases.build import Build, Parts
from peerspec.conformance.cases.case import CaseDefinition, CaseFamily, Draw
from peerspec.conformance.cases.configs import EVEN, IDENTITY, SINGLE, SMALL
from peerspec.conformance.cases.formats import SCALED, scaled
from peerspec.conformance.cases.layers import steered
from peerspec.conformance.cases.layouts import laid_out
from peerspec.conformance.cases.profile_build import (
    ALL_OPTIONS,
    BATCH_NORM,
    GLU,
    LAYER_NORM,
    PER_HEAD,
    PER_HEAD_GRID,
    SIGMOID,
    TOGETHER,
    WIDE_RELU,
    parts,
    quiet,
)
from peerspec.conformance.cases.tiled import TILED_FEW, TILED_GLU, biased, unaligned
from peerspec.reference import PeerConfig

__all__ = ["GRADIENT_CASES"]

ONE = replace(SMALL, num_experts=1, top_k=1)
"""Its selection is certain."""
BROAD = replace(SMALL, d_model=261, d_out=131, activation="identity")
"""Wide tokens and small other sizes, so bounds stay tight."""


def _twins(draw: Draw, config: PeerConfig) -> Parts:
    """All heads have the same query and tokens come in equal pairs: each selected row is used at least four times."""
    made = parts(dy=True)(draw, config)
    weight = made["params"]["query.weight"]
    made["params"]["query.weight"] = np.repeat(weight[:1], config.heads, 0)
    made["x"] = np.repeat(made["x"][:3], 2, 0)
    return made


def _kink(draw: Draw, config: PeerConfig) -> Parts:
    """All N scores differ, so every selection is certain; the argument of relu is zero for even rows of u only."""
    made = parts(exact=True, dy=True)(draw, config)
    steps = np.arange(config.n) / 8
    made["params"] = steered(draw, config, [*steps], [*config.n * steps])
    made["params"]["experts.u"][::2], made["params"]["experts.u"][1::2, 0] = 0, 128
    made["x"][:, 0] = [1, 2, -1, 4, 0.5, -2]
    return made


def _far(draw: Draw, config: PeerConfig) -> Parts:
    """Inner products of the last two tokens are about ±2048, where exp overflows; no query reads that feature."""
    made = parts(dy=True)(draw, config)
    params = made["params"]
    params["query.weight"][..., 0], params["experts.u"][:, 0], made["x"][-2:, 0] = 0, 1, [2048, -2048]
    return made


def _in_columns(draw: Draw, config: PeerConfig) -> Parts:
    made = parts(dy=True)(draw, config)
    return made | {name: laid_out(made[name], "columns") for name in ("x", "dy")}


def _tables_in_columns(draw: Draw, config: PeerConfig) -> Parts:
    made = parts(dy=True)(draw, config)
    return made | {"params": {name: laid_out(array, "columns") for name, array in made["params"].items()}}


def _broadcast(draw: Draw, config: PeerConfig) -> Parts:
    """dy is one row of memory for all tokens, as that of a sum is."""
    made = parts(dy=True)(draw, config)
    return made | {"dy": np.broadcast_to(made["dy"][0], made["dy"].shape)}


def _constant(draw: Draw, config: PeerConfig) -> Parts:
    """dy is one number of memory for all entries, as that of a sum over y is."""
    made = parts(dy=True)(draw, config)
    return made | {"dy": np.broadcast_to(made["dy"][0, 0], made["dy"].shape)}


def _permuted(draw: Draw, config: PeerConfig) -> Parts:
    """x and dy [2, 3, ...] are transposed [3, 2, ...]."""
    made = parts(2, 3, dy=True)(draw, config)
    return made | {name: laid_out(made[name], "permuted") for name in ("x", "dy")}


def _tables_with_gaps(draw: Draw, config: PeerConfig) -> Parts:
    made = parts(dy=True)(draw, config)
    return made | {"params": {name: laid_out(array, "gaps") for name, array in made["params"].items()}}


def _quiet(draw: Draw, config: PeerConfig) -> Parts:
    made = parts(dy=True)(draw, config)
    return made | {"params": quiet(made["params"])}


def _alike(draw: Draw, config: PeerConfig) -> Parts:
    """All features of a query are equal: their variance is zero, and the layer norm divides by √ε."""
    made = parts(dy=True)(draw, config)
    weight = made["params"]["query.weight"]
    made["params"]["query.weight"] = np.repeat(weight[:, :1], config.d_key, 1)
    return made


def _without_dy(draw: Draw, config: PeerConfig) -> Parts:
    """dy is zero for two tokens, which count for the statistics all the same."""
    made = parts(dy=True, training=True)(draw, config)
    made["dy"][[0, 3]] = 0
    return made


def _gradient(
    family: CaseFamily,
    label: str,
    config: PeerConfig,
    build: Build,
    *profiles: str,
    tag: str = "gradient",
    follow: bool = False,
    repeat: bool = False,
    **more: Any,
) -> CaseDefinition:
    tags = {tag} if tag == "gradient.form" else {tag, "gradient"}
    tags |= {"gradient.follow"} if follow else set()
    tags |= {"gradient.repeat"} if repeat else set()
    return CaseDefinition(family, label, config, build, frozenset(tags), frozenset({"training", *profiles}), **more)


def _norms_of(label: str, build: Build, **more: Any) -> tuple[CaseDefinition, ...]:
    """A case with each query norm, of which batch norm has frozen statistics."""
    layer = _gradient(CaseFamily.GRADIENT, f"layer.{label}", LAYER_NORM, build, "query-norm", **more)
    frozen = ("query-norm", "frozen-statistics")
    return layer, _gradient(CaseFamily.GRADIENT, f"frozen.{label}", BATCH_NORM, build, *frozen, **more)


GRADIENT_CASES: tuple[CaseDefinition, ...] = (
    _gradient(
        CaseFamily.EXACT,
        "gradient",
        replace(IDENTITY, top_k=1),
        parts(exact=True, dy=True),
        tag="gradient.one",
    ),
    _gradient(CaseFamily.GRADIENT, "first", replace(IDENTITY, top_k=1), parts(dy=True), tag="gradient.one"),
    _gradient(
        CaseFamily.GRADIENT,
        "first.norm",
        replace(BATCH_NORM, top_k=1),
        parts(dy=True, training=True),
        "query-norm",
        tag="gradient.one",
    ),
    _gradient(CaseFamily.EXACT, "kink", WIDE_RELU, _kink, tag="gradient.kink", own_activation=True),
    _gradient(CaseFamily.GRADIENT, "relu", WIDE_RELU, parts(dy=True)),
    _gradient(CaseFamily.GRADIENT, "gelu", SMALL, parts(dy=True), everywhere=0),
    _gradient(
        CaseFamily.GRADIENT, "gelu_tanh", replace(SMALL, activation="gelu_tanh"), _far, size=1, own_activation=True
    ),
    _gradient(CaseFamily.GRADIENT, "silu", replace(SMALL, activation="silu"), _far, size=1, own_activation=True),
    _gradient(CaseFamily.GRADIENT, "masked", SMALL, parts(masked=True, dy=True), tag="gradient.form", follow=True),
    _gradient(CaseFamily.GRADIENT, "axes", SMALL, parts(2, 3, dy=True), tag="gradient.form"),
    _gradient(CaseFamily.GRADIENT, "empty", SMALL, parts(0, dy=True), tag="gradient.form"),
    _gradient(CaseFamily.GRADIENT, "empty.two", SMALL, parts(2, 0, dy=True), tag="gradient.form", size=1),
    _gradient(CaseFamily.GRADIENT, "broadcast", ONE, _broadcast, tag="gradient.form"),
    _gradient(CaseFamily.GRADIENT, "constant", ONE, _constant, tag="gradient.form"),
    _gradient(CaseFamily.GRADIENT, "permuted", SMALL, _permuted, tag="gradient.form", size=1),
    _gradient(CaseFamily.GRADIENT, "tables.gaps", SMALL, _tables_with_gaps, tag="gradient.form", size=1),
    _gradient(CaseFamily.GRADIENT, "columns", SMALL, _in_columns, tag="gradient.form"),
    _gradient(CaseFamily.GRADIENT, "tables", SMALL, _tables_in_columns, tag="gradient.form"),
    _gradient(CaseFamily.GRADIENT, "twins", WIDE_RELU, _twins, tag="gradient.repeat"),
    _gradient(
        CaseFamily.GRADIENT,
        "tall",
        BROAD,
        parts(263, dy=True),
        tag="gradient.repeat",
        size=1,
    ),
    _gradient(
        CaseFamily.GRADIENT,
        "many",
        replace(SMALL, num_experts=128**2),
        parts(dy=True),
        tag="gradient.repeat",
        follow=True,
        size=1,
    ),
    _gradient(
        CaseFamily.GRADIENT,
        "crowd",
        replace(SMALL, num_experts=33**2, activation="relu"),
        parts(1031, dy=True),
        tag="gradient.repeat",
        size=1,
    ),
    _gradient(CaseFamily.GRADIENT, "bias", replace(WIDE_RELU, query_bias=True), parts(dy=True), "query-bias", narrow=1),
    _gradient(
        CaseFamily.GRADIENT,
        "batch",
        BATCH_NORM,
        parts(2, 3, dy=True, masked=True, training=True),
        "query-norm",
        tag="gradient.norm",
        narrow=1,
    ),
    _gradient(
        CaseFamily.GRADIENT,
        "batch.whole",
        BATCH_NORM,
        parts(dy=True, training=True),
        "query-norm",
        tag="gradient.norm",
        everywhere=1,
    ),
    _gradient(
        CaseFamily.GRADIENT,
        "batch.crowd",
        BATCH_NORM,
        parts(67, dy=True, training=True),
        "query-norm",
        tag="gradient.norm",
        repeat=True,
        size=1,
        narrow=1,
    ),
    _gradient(
        CaseFamily.GRADIENT,
        "batch.throng",
        BATCH_NORM,
        parts(1100, dy=True, training=True),
        "query-norm",
        tag="gradient.norm",
        size=1,
    ),
    _gradient(
        CaseFamily.GRADIENT,
        "batch.crowd.masked",
        BATCH_NORM,
        parts(67, dy=True, masked=True, training=True),
        "query-norm",
        tag="gradient.norm",
        size=1,
    ),
    _gradient(
        CaseFamily.GRADIENT,
        "batch.zeros",
        BATCH_NORM,
        _without_dy,
        "query-norm",
        tag="gradient.norm",
        size=1,
    ),
    _gradient(CaseFamily.GRADIENT, "even", EVEN, parts(12, dy=True), size=1),
    _gradient(CaseFamily.GRADIENT, "scaled", SINGLE, scaled(SCALED, dy=True), size=1, narrow=1),
    _gradient(CaseFamily.GRADIENT, "unaligned", TILED_GLU, unaligned(), "glu", tag="gradient.form", size=1),
    _gradient(CaseFamily.GRADIENT, "tiled", TILED_FEW, parts(16, dy=True), size=1, narrow=1),
    _gradient(
        CaseFamily.GRADIENT,
        "tiled.biased",
        PeerConfig(64, 1, 8**2, 4, 64, activation="relu", gate="sigmoid"),
        biased(512, dy=True),
        "sigmoid",
        size=1,
    ),
    _gradient(CaseFamily.GRADIENT, "throng", WIDE_RELU, parts(4099, dy=True), size=2),
    _gradient(CaseFamily.GRADIENT, "layer", LAYER_NORM, parts(dy=True), "query-norm", tag="gradient.norm", narrow=1),
    _gradient(
        CaseFamily.GRADIENT,
        "layer.crowd",
        replace(LAYER_NORM, d_key=130),
        parts(67, dy=True),
        "query-norm",
        tag="gradient.norm",
        repeat=True,
        size=1,
        narrow=1,
    ),
    _gradient(CaseFamily.GRADIENT, "layer.alike", LAYER_NORM, _alike, "query-norm", tag="gradient.norm", size=1),
    _gradient(
        CaseFamily.GRADIENT,
        "together",
        TOGETHER,
        parts(dy=True, masked=True, training=True),
        *ALL_OPTIONS,
        tag="gradient.norm",
        follow=True,
        size=1,
    ),
    _gradient(
        CaseFamily.GRADIENT,
        "frozen",
        BATCH_NORM,
        parts(2, 3, dy=True, masked=True),
        "query-norm",
        "frozen-statistics",
        tag="gradient.frozen",
        narrow=1,
    ),
    _gradient(
        CaseFamily.GRADIENT,
        "frozen.follow",
        BATCH_NORM,
        parts(dy=True),
        "query-norm",
        "frozen-statistics",
        tag="gradient.frozen",
        follow=True,
        size=1,
    ),
    _gradient(
        CaseFamily.GRADIENT,
        "frozen.quiet",
        BATCH_NORM,
        _quiet,
        "query-norm",
        "frozen-statistics",
        tag="gradient.frozen",
    ),
    _gradient(
        CaseFamily.GRADIENT,
        "frozen.whole",
        BATCH_NORM,
        parts(dy=True),
        "query-norm",
        "frozen-statistics",
        tag="gradient.frozen",
        everywhere=1,
    ),
    _gradient(
        CaseFamily.GRADIENT,
        "frozen.together",
        TOGETHER,
        parts(dy=True),
        *ALL_OPTIONS,
        "frozen-statistics",
        tag="gradient.frozen",
        size=1,
    ),
    *_norms_of("empty", parts(0, dy=True), tag="gradient.form"),
    _gradient(CaseFamily.GRADIENT, "glu", GLU, parts(dy=True), "glu", narrow=1),
    _gradient(CaseFamily.GRADIENT, "glu.crowd", GLU, parts(67, dy=True), "glu", repeat=True, size=1),
    _gradient(CaseFamily.GRADIENT, "sigmoid", SIGMOID, parts(dy=True), "sigmoid", narrow=1),
    _gradient(
        CaseFamily.GRADIENT, "sigmoid.single", replace(SINGLE, gate="sigmoid"), parts(dy=True), "sigmoid", size=1
    ),
    _gradient(CaseFamily.GRADIENT, "per-head", PER_HEAD, parts(dy=True), "per-head-keys"),
    _gradient(CaseFamily.GRADIENT, "per-head.crowd", PER_HEAD_GRID, parts(35, dy=True), "per-head-keys", size=1),
)
