"""The cases of the profiles query-bias, query-norm, glu, sigmoid and per-head-keys."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from peerspec.conformance.cases.build import Build, Parts
from peerspec.conformance.cases.case import CaseDefinition, CaseFamily, Draw
from peerspec.conformance.cases.configs import SINGLE
from peerspec.conformance.cases.layers import loud
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
from peerspec.reference import PeerConfig

__all__ = ["PROFILE_CASES"]

OUTPUT = frozenset({"any", "without routing"})
TALL_BIAS = PeerConfig(1031, 5, 25, 4, 130, d_out=5, activation="relu", query_bias=True)
"""The query is a product of more than 512 features and more than 512 columns."""
BROAD_BATCH, BROAD_LAYER = (replace(config, d_key=130) for config in (BATCH_NORM, LAYER_NORM))
"""The norm of a head takes more features than a tile of 128."""
OTHER = frozenset({"parameters"})
"""The tag of cases that run again with other parameters."""
MODE = frozenset({"mode"})
"""The tag of cases that run in both modes."""


def _uncounted(draw: Draw, config: PeerConfig) -> Parts:
    return parts(training=True)(draw, config) | {"mask": np.zeros(6, bool)}


def _none_counted(draw: Draw, config: PeerConfig) -> Parts:
    return parts()(draw, config) | {"mask": np.zeros(6, bool)}


def _all_counted(draw: Draw, config: PeerConfig) -> Parts:
    return parts(67, training=True)(draw, config) | {"mask": np.ones(67, bool)}


def _mask_of_one_row(draw: Draw, config: PeerConfig) -> Parts:
    """The mask is one row of memory for all rows of a batch."""
    made = parts(4, 6, training=True)(draw, config)
    return made | {"mask": np.broadcast_to([True, False, True, True, False, True], (4, 6))}


def _quiet(draw: Draw, config: PeerConfig) -> Parts:
    made = parts()(draw, config)
    return made | {"params": quiet(made["params"])}


def _offset(*, training: bool = False) -> Build:
    """All features of a query are near 30 and hardly differ: E[q²] − E[q]² is all rounding, and may be negative."""

    def build(draw: Draw, config: PeerConfig) -> Parts:
        made = parts(64, training=training)(draw, config)
        params = made["params"]
        params["query.bias"] = np.full_like(params["query.bias"], 30)
        params["query.weight"] = params["query.weight"] * params["query.weight"].dtype.type(2.0**-10)
        return made

    return build


def _masked_with_nan(draw: Draw, config: PeerConfig) -> Parts:
    """The tokens that do not count hold a NaN and an infinity, which a product with the mask does not remove."""
    made = parts(training=True, masked=True)(draw, config)
    made["x"][2, 1], made["x"][4, 3] = np.nan, np.inf
    return made


def _case(
    family: CaseFamily,
    label: str,
    config: PeerConfig,
    tag: str,
    profile: str,
    build: Build,
    also: str | tuple[str, ...] = (),
    tags: frozenset[str] = frozenset(),
    **more: Any,
) -> CaseDefinition:
    others = (also,) if isinstance(also, str) else also
    return CaseDefinition(family, label, config, build, OUTPUT | tags | {tag}, frozenset({profile, *others}), **more)


PROFILE_CASES: tuple[CaseDefinition, ...] = (
    _case(
        CaseFamily.EXACT,
        "bias",
        replace(WIDE_RELU, query_bias=True),
        "bias",
        "query-bias",
        parts(exact=True),
        tags=OTHER,
    ),
    _case(
        CaseFamily.NUMERIC,
        "bias",
        replace(WIDE_RELU, query_bias=True),
        "bias",
        "query-bias",
        parts(),
        tags=MODE,
        everywhere=1,
    ),
    _case(CaseFamily.QUERY_NORM, "inference", BATCH_NORM, "norm.inference", "query-norm", parts(), everywhere=1),
    _case(CaseFamily.QUERY_NORM, "training", BATCH_NORM, "norm.training", "query-norm", parts(training=True), narrow=1),
    _case(
        CaseFamily.QUERY_NORM,
        "masked",
        BATCH_NORM,
        "norm.masked",
        "query-norm",
        parts(training=True, masked=True),
        tags=OTHER,
        everywhere=1,
    ),
    _case(
        CaseFamily.QUERY_NORM,
        "axes",
        replace(BATCH_NORM, d_model=3),
        "norm.training",
        "query-norm",
        parts(5, 13, training=True),
    ),
    _case(
        CaseFamily.QUERY_NORM,
        "crowd",
        BATCH_NORM,
        "norm.training",
        "query-norm",
        parts(67, training=True),
        size=1,
        narrow=1,
    ),
    _case(
        CaseFamily.QUERY_NORM, "throng", BATCH_NORM, "norm.training", "query-norm", parts(521, training=True), size=1
    ),
    _case(
        CaseFamily.QUERY_NORM,
        "throng.together",
        TOGETHER,
        "together",
        "query-norm",
        parts(521, masked=True, training=True),
        also=ALL_OPTIONS,
        size=1,
    ),
    _case(
        CaseFamily.QUERY_NORM,
        "offset.batch",
        replace(BATCH_NORM, query_bias=True, d_key=64),
        "norm.training",
        "query-norm",
        _offset(training=True),
        also="query-bias",
        size=1,
    ),
    _case(
        CaseFamily.QUERY_NORM,
        "offset.layer",
        replace(LAYER_NORM, query_bias=True, d_key=64),
        "norm.layer",
        "query-norm",
        _offset(),
        also="query-bias",
        size=1,
    ),
    _case(
        CaseFamily.QUERY_NORM,
        "throng.long",
        BATCH_NORM,
        "norm.training",
        "query-norm",
        parts(2100, training=True),
        size=1,
    ),
    *(
        _case(CaseFamily.QUERY_NORM, label, config, tag, "query-norm", build, size=1, narrow=1)
        for label, config, tag, build in (
            ("throng.wide", BROAD_BATCH, "norm.training", parts(67, training=True)),
            ("layer.wide", BROAD_LAYER, "norm.layer", parts(67)),
            ("wide", BROAD_BATCH, "norm.inference", parts(35)),
        )
    ),
    _case(CaseFamily.QUERY_NORM, "quiet", BATCH_NORM, "norm.inference", "query-norm", _quiet, size=1),
    _case(CaseFamily.QUERY_NORM, "uncounted.inference", BATCH_NORM, "norm.inference", "query-norm", _none_counted),
    _case(CaseFamily.QUERY_NORM, "all.counted", BATCH_NORM, "norm.masked", "query-norm", _all_counted, size=1),
    _case(CaseFamily.QUERY_NORM, "masked.broadcast", BATCH_NORM, "norm.masked", "query-norm", _mask_of_one_row, size=1),
    _case(CaseFamily.QUERY_NORM, "one", BATCH_NORM, "norm.training", "query-norm", parts(1, training=True), size=1),
    _case(
        CaseFamily.QUERY_NORM,
        "masked.axes",
        BATCH_NORM,
        "norm.masked",
        "query-norm",
        parts(2, 3, training=True, masked=True),
    ),
    _case(
        CaseFamily.QUERY_NORM,
        "masked.nan",
        BATCH_NORM,
        "norm.masked",
        "query-norm",
        _masked_with_nan,
        tags=frozenset({"norm.nan"}),
        narrow=1,
    ),
    # A backend must refuse these two, so they have no tag of a check that reads an answer.
    CaseDefinition(
        CaseFamily.QUERY_NORM,
        "uncounted",
        BATCH_NORM,
        _uncounted,
        frozenset({"norm.refused"}),
        frozenset({"query-norm"}),
    ),
    CaseDefinition(
        CaseFamily.QUERY_NORM,
        "empty",
        BATCH_NORM,
        parts(0, training=True),
        frozenset({"norm.refused"}),
        frozenset({"query-norm"}),
    ),
    _case(CaseFamily.QUERY_NORM, "ignored", BATCH_NORM, "norm.inference", "query-norm", parts(masked=True), tags=OTHER),
    _case(CaseFamily.QUERY_NORM, "layer", LAYER_NORM, "norm.layer", "query-norm", parts(), tags=OTHER | MODE, narrow=1),
    _case(
        CaseFamily.QUERY_NORM,
        "bias",
        replace(WIDE_RELU, query_bias=True, query_norm="layer"),
        "norm.bias",
        "query-norm",
        parts(),
        also="query-bias",
    ),
    _case(
        CaseFamily.QUERY_NORM,
        "together",
        TOGETHER,
        "together",
        "query-norm",
        parts(masked=True, training=True),
        also=ALL_OPTIONS,
    ),
    _case(CaseFamily.NUMERIC, "training", WIDE_RELU, "mode", "training", parts(training=True)),
    _case(CaseFamily.NUMERIC, "glu", GLU, "glu", "glu", parts(), tags=MODE, everywhere=1),
    _case(CaseFamily.NUMERIC, "glu.silu", replace(GLU, activation="silu"), "glu", "glu", parts()),
    _case(CaseFamily.EXACT, "glu", replace(GLU, activation="relu"), "glu", "glu", parts(exact=True), tags=OTHER),
    _case(CaseFamily.NUMERIC, "sigmoid", SIGMOID, "sigmoid", "sigmoid", parts(), tags=MODE, everywhere=1),
    _case(CaseFamily.EXACT, "sigmoid.loud", SIGMOID, "sigmoid", "sigmoid", loud),
    _case(CaseFamily.NUMERIC, "sigmoid.single", replace(SINGLE, gate="sigmoid"), "sigmoid", "sigmoid", parts(), size=1),
    _case(
        CaseFamily.EXACT,
        "per-head",
        PER_HEAD,
        "per-head",
        "per-head-keys",
        parts(exact=True),
        tags=OTHER,
    ),
    _case(CaseFamily.NUMERIC, "per-head.crowd", PER_HEAD_GRID, "per-head", "per-head-keys", parts(35), size=1),
    _case(CaseFamily.NUMERIC, "bias.tall", TALL_BIAS, "bias", "query-bias", parts(6), size=1),
    _case(CaseFamily.NUMERIC, "per-head", PER_HEAD, "per-head", "per-head-keys", parts(), tags=MODE, everywhere=1),
)
