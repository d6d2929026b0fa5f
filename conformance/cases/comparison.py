"""The cases of the profiles ``dense``, ``token-choice``, ``expert-choice`` and ``pkm``.

Sizes are pairwise different and mostly coprime, so that a swapped axis changes a shape or a value.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from peerspec.conformance.cases.comparison_build import ComparisonDefinition, Data
from peerspec.reference.comparison import (
    ComparisonConfig,
    DenseConfig,
    ExpertChoiceConfig,
    PKMConfig,
    TokenChoiceConfig,
)

__all__ = ["COMPARISON_CASES"]

DENSE = DenseConfig(7, 11, d_out=5)
TOKENS = TokenChoiceConfig(7, 5, 2, 6, d_out=4)
EXPERTS = ExpertChoiceConfig(7, 5, 6, 1.5, d_out=4)
MEMORY = PKMConfig(7, 2, 25, 4, 6, d_out=5)

Parts = dict[str, Any]


def _case(
    label: str, config: ComparisonConfig, *lead: int, size: int = 1, everywhere: int = 2, narrow: int = 2, **data: Any
) -> ComparisonDefinition:
    data = ({"lead": lead} if lead else {}) | data
    return ComparisonDefinition(label, config, Data(**data), size, everywhere, narrow)


def _followed(label: str, config: ComparisonConfig, **data: Any) -> ComparisonDefinition:
    """A case whose answers must follow changes. What a backend stores shows in one precision."""
    return replace(_case(label, config, size=0, **data), followed=True)


def _strange(parts: Parts) -> None:
    """A NaN in the third token; infinities in the fourth; a NaN in the second, which a mask leaves out."""
    parts["x"][[1, 2], [0, -1]] = np.nan
    parts["x"][3, 1:3] = [np.inf, -np.inf]


def _few(parts: Parts) -> None:
    """Two tokens of all are finite."""
    parts["x"][2:, 0] = np.nan


def _loud(parts: Parts) -> None:
    """Logits and scores of some hundreds, of which exp overflows or vanishes."""
    for name in ("router.weight", "keys"):
        if name in parts:
            parts[name] *= parts[name].dtype.type(256)


def _quiet(parts: Parts) -> None:
    """Queries that hardly vary, and their running variances; one is 0."""
    parts["query.weight"] *= parts["query.weight"].dtype.type(2.0**-8)
    parts["query_norm.mean"] *= parts["query_norm.mean"].dtype.type(2.0**-8)
    parts["query_norm.var"] *= parts["query_norm.var"].dtype.type(2.0**-16)
    parts["query_norm.var"][:, 0] = 0


def _idle(parts: Parts) -> None:
    """Every second neuron has a u of zeros, at which the slope of relu is 0."""
    name = "u" if "u" in parts else "experts.u"
    parts[name][..., ::2, :] = 0


def _alike(parts: Parts) -> None:
    """All tokens are the first one."""
    parts["x"][:] = parts["x"][:1]


def _common(
    small: ComparisonConfig, wide: ComparisonConfig, even: ComparisonConfig, tall: ComparisonConfig, narrow: int = 1
) -> tuple[ComparisonDefinition, ...]:
    """The forms of input that every layer gets, and sizes on an edge of tiles and beside it.

    Args:
        small: the layer for all forms of input.
        wide: a layer of odd sizes, larger than one or two vectors.
        even: a layer of sizes that are powers of two.
        tall: a layer that gives every token more than 128 features; there are more than 128 tokens, too.
        narrow: the smallest size that runs the wide layer in the precisions with tokens of 16 bits.
    """
    return (
        _case("strange", small, dy=False, masked=True, change=_strange),
        _case("axes", small, 2, 3, 1, 2),
        _case("axes.masked", small, 2, 3, 1, 2, masked=True),
        _case("mode", small, training=True),
        _case("none", small, 2, 0),
        _case("vector", small, lead=()),
        _case("columns", small, layout="columns"),
        _case("permuted", small, 2, 3, 2, layout="permuted"),
        _case("gaps", small, masked=True, layout="gaps"),
        _case("even", even, 32),
        _case("wide", wide, 33, narrow=narrow),
        _case("tall", tall, 131),
    )


DENSE_CASES = (
    _case("small", DENSE, size=0, everywhere=0),
    _case("exact", replace(DENSE, activation="relu"), exact=True, change=_idle, size=0, everywhere=1),
    _case("glu", DenseConfig(33, 37, d_out=10, activation="silu", expert="glu"), 6),
    _followed("glu.small", replace(DENSE, expert="glu"), masked=True),
    _case("identity", replace(DENSE, activation="identity")),
    _case("tanh", replace(DENSE, activation="gelu_tanh")),
    _case("one", DenseConfig(7, 1, d_out=1, activation="relu"), 1031),
    _case("long", DenseConfig(3, 1031, d_out=2, activation="relu"), 5, narrow=1),
    _case("features", DenseConfig(613, 3, d_out=519, activation="relu"), 5),
    _case("glu.wide", DenseConfig(65, 131, d_out=67, activation="relu", expert="glu"), 37),
    *_common(
        DENSE,
        DenseConfig(65, 131, d_out=67, activation="gelu_tanh"),
        DenseConfig(64, 128, d_out=64, activation="relu"),
        DenseConfig(131, 3, d_out=133, activation="relu"),
    ),
)

SWITCH = replace(TOKENS, top_k=1, gate="softmax_before", capacity=3)
TOKEN_CHOICE_CASES = (
    _case("small", TOKENS, size=0, everywhere=0),
    _case("before", replace(TOKENS, gate="softmax_before", capacity=3, activation="silu"), size=0, everywhere=1),
    _case("exact", TokenChoiceConfig(7, 8, 3, 5, d_out=4, activation="relu", capacity=4), exact=True, size=0),
    _followed("glu.small", replace(TOKENS, capacity=3, expert="glu"), masked=True),
    _followed("padding", replace(TOKENS, capacity=2, gate="softmax_before"), masked=True),
    _case("slopes", replace(TOKENS, activation="relu"), exact=True, change=_idle),
    _case("switch", SWITCH),
    _case("switch.tight", replace(SWITCH, capacity=1)),
    _case("first", replace(TOKENS, top_k=1, capacity=2)),
    _case("three", replace(TOKENS, top_k=3, capacity=4, gate="softmax_before"), exact=True),
    _case("all", replace(TOKENS, top_k=5, gate="softmax_before", activation="identity")),
    _case("all.after", replace(TOKENS, top_k=5, capacity=7)),
    _case("lone", TokenChoiceConfig(7, 1, 1, 9, d_out=4, gate="softmax_before", capacity=5)),
    _case("roomy", replace(TOKENS, capacity=1000)),
    _case("loud", TOKENS, change=_loud, dy=False),
    _case("loud.before", replace(TOKENS, gate="softmax_before"), change=_loud, dy=False),
    _case("alike", replace(TOKENS, capacity=5), change=_alike),
    _case("glu", TokenChoiceConfig(33, 6, 3, 37, d_out=10, activation="silu", expert="glu")),
    _case("glu.wide", TokenChoiceConfig(35, 3, 2, 67, d_out=10, activation="relu", expert="glu"), 37),
    _case("features", TokenChoiceConfig(613, 3, 2, 5, d_out=519, activation="relu"), 5),
    _case("queue.long", TokenChoiceConfig(3, 2, 1, 2, d_out=2, capacity=900), 2070, dy=False),
    _case("many", TokenChoiceConfig(9, 67, 9, 3, d_out=4, activation="relu", capacity=9), 70, dy=False),
    _case("ids", TokenChoiceConfig(9, 300, 3, 2, d_out=4, activation="relu"), 20),
    _case("crowded", TokenChoiceConfig(7, 40, 2, 3, d_out=4), 70, change=_alike),
    _case("queue", TokenChoiceConfig(5, 2, 1, 3, d_out=4, gate="softmax_before", capacity=270), 900, masked=True),
    *_common(
        replace(TOKENS, capacity=3),
        TokenChoiceConfig(65, 9, 2, 131, d_out=67, activation="gelu_tanh", capacity=7),
        TokenChoiceConfig(64, 8, 2, 64, d_out=64, activation="relu", capacity=8, gate="softmax_before"),
        TokenChoiceConfig(131, 5, 2, 3, d_out=133, activation="relu", capacity=47),
        narrow=2,
    ),
)

FACTORS = ((4, 1.2, 50), (4, 1.2, 100), (8, 1.1, 80), (5, 1.7, 100), (10, 2.3, 100))
"""Blocks, factor and tokens whose product is a whole number or nearly one: which, depends on where it is rounded."""
EXPERT_CHOICE_CASES = (
    _case("small", EXPERTS, size=0, everywhere=0),
    _case("exact", ExpertChoiceConfig(7, 8, 5, 2.0, d_out=4, activation="relu"), 20, exact=True, size=0, everywhere=1),
    _case("first", ExpertChoiceConfig(7, 1, 6, 0.5, d_out=4), 131, size=0),
    _followed("glu.small", replace(EXPERTS, expert="glu"), masked=True),
    _case("slopes", replace(EXPERTS, activation="relu"), exact=True, change=_idle),
    _case("decimal", ExpertChoiceConfig(7, 5, 4, 2.2, d_out=4), 25),
    _case("up", ExpertChoiceConfig(7, 4, 5, 1.0, d_out=3, activation="identity"), 13),
    _case("few", ExpertChoiceConfig(7, 4, 5, 2.5, d_out=3), dy=False, change=_few),
    _case("least", ExpertChoiceConfig(7, 6, 5, 0.0001, d_out=3, activation="silu")),
    _case("all", replace(EXPERTS, capacity_factor=5.0)),
    _case("padding", replace(EXPERTS, capacity_factor=2.0), 13, masked=True),
    _case("loud", EXPERTS, change=_loud, dy=False),
    _case("glu", ExpertChoiceConfig(33, 6, 37, 1.25, d_out=10, activation="silu", expert="glu")),
    _case("glu.wide", ExpertChoiceConfig(35, 3, 67, 2.0, d_out=10, activation="relu", expert="glu"), 37),
    _case("features", ExpertChoiceConfig(613, 3, 5, 2.0, d_out=519, activation="relu"), 5),
    *(
        _case(f"factor.{number}", ExpertChoiceConfig(3, blocks, 2, factor, d_out=2), count, dy=False)
        for number, (blocks, factor, count) in enumerate(FACTORS)
    ),
    _case("many", ExpertChoiceConfig(9, 67, 3, 8.0, d_out=4, activation="relu"), 70, dy=False),
    _case("queue", ExpertChoiceConfig(5, 2, 3, 1.0, d_out=4), 600, dy=False),
    _case("queue.masked", ExpertChoiceConfig(5, 2, 3, 1.9, d_out=4), 590, masked=True),
    _case("queue.long", ExpertChoiceConfig(2, 2, 1, 1.9, d_out=2), 6010, masked=True, dy=False, size=2),
    *_common(
        EXPERTS,
        ExpertChoiceConfig(65, 9, 131, 2.0, d_out=67, activation="gelu_tanh"),
        ExpertChoiceConfig(64, 8, 64, 2.0, d_out=64, activation="relu"),
        ExpertChoiceConfig(131, 5, 3, 2.0, d_out=133, activation="relu"),
        narrow=2,
    ),
)

BATCH = replace(MEMORY, query_norm="batch")
TOGETHER = replace(BATCH, query_bias=True, key_heads=2, gate="sigmoid")
PKM_CASES = (
    _case("small", MEMORY, size=0, everywhere=0),
    _case("exact", MEMORY, exact=True, size=0, everywhere=1),
    _case("exact.options", replace(MEMORY, query_bias=True, key_heads=2, gate="sigmoid"), exact=True),
    _case("bias", replace(MEMORY, query_bias=True)),
    _case("sigmoid", replace(MEMORY, gate="sigmoid")),
    _case("per-head", replace(MEMORY, key_heads=2)),
    _case("layer", replace(MEMORY, query_norm="layer")),
    _case("batch", BATCH),
    _followed("plain", MEMORY),
    _followed("training", BATCH, lead=(3, 4), masked=True, training=True),
    _case("together", TOGETHER, masked=True, training=True, everywhere=1),
    _case("one", replace(MEMORY, top_k=1), 1031),
    _case("deep", replace(MEMORY, num_experts=16, top_k=7)),
    _case("lists", replace(MEMORY, num_experts=67**2, top_k=37)),
    _case("lists.deep", replace(MEMORY, num_experts=25**2, top_k=67)),
    _case("per-head.more", replace(MEMORY, heads=5, key_heads=5, num_experts=37**2), 35),
    _case("layer.wide", replace(MEMORY, query_norm="layer", d_key=130), narrow=1),
    _case("batch.crowd", BATCH, 1100, training=True),
    _case("quiet", BATCH, change=_quiet),
    _case("twins", PKMConfig(7, 3, 4, 4, 4, d_out=5)),
    _case("loud", MEMORY, change=_loud, dy=False),
    *_common(
        MEMORY,
        PKMConfig(65, 3, 19**2, 9, 26, d_out=67),
        PKMConfig(64, 4, 16**2, 16, 32, d_out=64),
        PKMConfig(131, 9, 37**2, 8, 6, d_out=133),
    ),
)

COMPARISON_CASES = DENSE_CASES + TOKEN_CHOICE_CASES + EXPERT_CHOICE_CASES + PKM_CASES
"""Every case of a layer of chapter 15, in the order in which checks run them."""
