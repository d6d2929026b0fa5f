"""The cases of the profile ``core``.

Sizes are pairwise different and mostly coprime, so that a swapped axis changes a shape or a value. Few shapes are
shared by many cases, because compiling frameworks pay for each new one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from peerspec.conformance.cases.case import Array, CaseDefinition, Draw
from peerspec.conformance.cases.layers import exact_params, full_params, loud, one_hot_queries, steered, tokens
from peerspec.reference import PeerConfig
from peerspec.reference.config import ACTIVATIONS

__all__ = ["CORE_CASES", "SINGLE", "SMALL", "TALL"]

UNIT = PeerConfig(12, 3, 1, 1, 4, activation="identity")
"""One expert: the score is the whole query, folded with one sub-key a side."""
WHOLE = PeerConfig(7, 2, 25, 25, 6, d_out=5, activation="identity")
"""k = N: every score is returned."""
SINGLE = PeerConfig(7, 1, 25, 1, 6, d_out=5, activation="identity")
"""One head, one expert, gate 1: the expert alone."""
SMALL = PeerConfig(7, 2, 25, 4, 6, d_out=5)
"""The everyday shape of the suite."""
WIDE = PeerConfig(33, 5, 47**2, 9, 26, d_out=10)
"""More experts than float16 has whole numbers in a row, and more of all the rest than a vector or two hold."""
DEEP = PeerConfig(7, 2, 16, 7, 6, d_out=5)
"""k > n."""
POOL = PeerConfig(1, 1, 260**2, 1, 2, d_out=7, activation="identity")
"""More sub-keys than 8 bits number, and more experts than 16 bits; D = d/2 = 1 and M > D."""
MILLION = PeerConfig(3, 2, 1024**2, 16, 4, d_out=2, activation="relu")
BEYOND = PeerConfig(2, 1, 4100**2, 8, 2, d_out=1, activation="relu")
"""More experts than float32 has whole numbers in a row: N > 2²⁴."""
TALL = PeerConfig(1031, 1, 36**2, 35, 274, d_out=131, activation="relu")
"""More of all than a tile holds: features than 1024, candidates than 32, cells of the grid than 1024."""
CROWD = 1031
"""More tokens than a tile of any size holds."""
LONE = PeerConfig(261, 1, 16, 1, 4, activation="relu")
"""One expert a token, of more features than 256, with D = M."""
PAIRS = PeerConfig(5, 17, 263**2, 67, 6, d_out=1, activation="relu")
"""More pairs of a token than 1024, more heads than 16, more candidates than 64 of more sub-keys than 256; M = 1."""
SQUARE = PeerConfig(16, 8, 64, 8, 16, activation="relu")
"""D = M = d and, with 8 tokens, T = h = k = n = d/2: axes are taken for each other unseen, and no tile has a tail."""
OUTPUT = frozenset({"any", "scores", "selection", "gates", "output", "without routing"})


def _with(config: PeerConfig, **changes: Any) -> PeerConfig:
    return replace(config, **changes)


def _exact(*lead: int) -> Any:
    def build(draw: Draw, config: PeerConfig) -> dict[str, Any]:
        return {"params": exact_params(draw, config), "x": tokens(draw, (*lead, config.d_model), exact=True)}

    return build


def _full(*lead: int) -> Any:
    def build(draw: Draw, config: PeerConfig) -> dict[str, Any]:
        return {"params": full_params(draw, config), "x": tokens(draw, (*lead, config.d_model))}

    return build


def _positive(draw: Draw, config: PeerConfig) -> dict[str, Any]:
    """Inner products of tokens and experts are positive and small, where relu is the identity."""
    params = full_params(draw, config)
    params["experts.u"] = np.abs(params["experts.u"]) / draw.dtype.type(16)
    return {"params": params, "x": np.abs(tokens(draw, (6, config.d_model)))}


def _unit(first: float, last: float) -> Any:
    """Queries are ±1 features; sub-keys (1, 1) and (first, last) have one norm, which a factor cannot betray."""

    def build(draw: Draw, config: PeerConfig) -> dict[str, Any]:
        keys = np.array([[[[1.0, 1.0]], [[first, last]]]])
        params = exact_params(draw, config) | {
            "query.weight": one_hot_queries(config).astype(draw.dtype),
            "keys": keys.astype(draw.dtype),
        }
        x = 2 * (draw.coarse("x", (3, config.d_model), 1, 0) + draw.dtype.type(1)) - draw.dtype.type(1)
        return {"params": params, "x": np.concatenate([x, -x])}

    return build


def _steered(s1: list[float], s2: list[float]) -> Any:
    def build(draw: Draw, config: PeerConfig) -> dict[str, Any]:
        x = tokens(draw, (6, config.d_model), exact=True)
        x[:, 0] = [1, 2, -1, 4, 0.5, -2]
        return {"params": steered(draw, config, s1, s2), "x": x}

    return build


def _twins(draw: Draw, config: PeerConfig) -> dict[str, Any]:
    """Both heads ask the same query, so every expert is chosen twice."""
    params = full_params(draw, config)
    params["query.weight"] = np.repeat(params["query.weight"][:1], config.heads, 0)
    return {"params": params, "x": tokens(draw, (6, config.d_model))}


def _apart(draw: Draw, config: PeerConfig) -> dict[str, Any]:
    """The second head asks for the opposite, so that no expert is chosen twice."""
    params = full_params(draw, config)
    params["query.weight"][1] = -params["query.weight"][0]
    return {"params": params, "x": tokens(draw, (6, config.d_model))}


def _masked(draw: Draw, config: PeerConfig) -> dict[str, Any]:
    parts: dict[str, Any] = _full(6)(draw, config)
    return parts | {"mask": np.array([True, False, True, True, False, False])}


def _uncounted(draw: Draw, config: PeerConfig) -> dict[str, Any]:
    parts: dict[str, Any] = _full(6)(draw, config)
    return parts | {"mask": np.zeros(6, bool)}


def _cancelling(draw: Draw, config: PeerConfig) -> dict[str, Any]:
    """Rows of v that nearly cancel, so that y is small against its terms."""
    params = full_params(draw, config)
    params["experts.v"][1::2] = -params["experts.v"][:-1:2]
    return {"params": params, "x": tokens(draw, (6, config.d_model))}


def _wide_activation(draw: Draw, config: PeerConfig) -> dict[str, Any]:
    """Inner products from −8 to 8, the tails and the middle of σ; of the last two tokens ±2048, where exp overflows."""
    parts: dict[str, Any] = _full(6)(draw, config)
    u = parts["params"]["experts.u"]
    u[...] = u * draw.dtype.type(2)
    u[:, 0], parts["x"][-2:, 0] = 1, [2048, -2048]
    return parts


def _strided(draw: Draw, config: PeerConfig) -> dict[str, Any]:
    parts: dict[str, Any] = _full(12)(draw, config)
    parts["x"] = parts["x"][::2]
    return parts


def _in_columns(part: str) -> Any:
    """x, or the tables, with the first axis the fastest in memory, as a transposed array has it."""

    def build(draw: Draw, config: PeerConfig) -> dict[str, Any]:
        parts: dict[str, Any] = _full(6)(draw, config)
        if part == "x":
            return parts | {"x": np.asfortranarray(parts["x"])}
        return parts | {"params": {name: np.asfortranarray(array) for name, array in parts["params"].items()}}

    return build


def _one_bad_token(value: float) -> Any:
    def build(draw: Draw, config: PeerConfig) -> dict[str, Any]:
        parts: dict[str, Any] = _full(6)(draw, config)
        parts["x"][3, 2] = value
        return parts

    return build


def _high_ids(draw: Draw, config: PeerConfig) -> dict[str, Any]:
    """The best sub-keys are the last ones, so ids reach N − 1; tables are regenerated, never shipped."""
    parts: dict[str, Any] = _full(6)(draw, config)
    keys: Array = parts["params"]["keys"]
    keys[:, :, -4:] = keys[:, :, -4:] * draw.dtype.type(4)
    return parts


def _highest_ids(draw: Draw, config: PeerConfig) -> dict[str, Any]:
    """The largest sub-keys of either sign are the last four, so the best ids are above 2²⁴."""
    parts: dict[str, Any] = _full(2)(draw, config)
    parts["params"]["keys"][:, :, -4:, 0] = [4, -4, 3.5, -3.5]
    return parts


def _spec(name: str, config: PeerConfig, build: Any, tags: set[str] | frozenset[str], **more: Any) -> CaseDefinition:
    definition = CaseDefinition(name, config, build, frozenset(tags), **more)
    ordered = {"order"} if definition.exact and "selection" in tags else set()
    return replace(definition, tags=definition.tags | ordered)


RELU = _with(SMALL, activation="relu")
TIES = [1.0, 0.0, 1.0, 0.0, 1.0]
APART = [0.0, 20.0, 6.0, 7.0, 13.0], [4.0, 8.0, 12.0, 0.0, 16.0]
"""No two of their 25 sums are equal, so a score names its pair; the four largest and smallest leave the first row."""
CORE_CASES: tuple[CaseDefinition, ...] = (
    _spec("exact.query", UNIT, _unit(1, 1), {"query", "odd"} | OUTPUT),
    _spec("exact.halves", UNIT, _unit(-1, 1), {"any", "halves"}),
    _spec("exact.winners", RELU, _steered(*APART), {"index"}),
    _spec("exact.all", WHOLE, _steered(*APART), {"index"}),
    _spec("exact.whole", WHOLE, _exact(6), {"whole"} | OUTPUT),
    _spec("exact.single", SINGLE, _exact(6), {"expert"} | OUTPUT),
    _spec("exact.ends", SINGLE, _steered([1, 2, 3, 4, 5], [1, 2, 3, 4, 5]), {"expert"} | OUTPUT),
    _spec("exact.relu", RELU, _exact(6), OUTPUT),
    _spec("exact.identity", _with(SMALL, activation="identity"), _exact(6), OUTPUT),
    _spec("exact.row", RELU, _steered([64, 0, 0, 0, 0], [5, 4, 3, 2, 1]), OUTPUT),
    _spec("exact.column", RELU, _steered([5, 4, 3, 2, 1], [64, 0, 0, 0, 0]), OUTPUT),
    _spec("exact.corner", RELU, _steered([1, 2, 3, 4, 5], [5, 4, 3, 2, 1]), OUTPUT),
    _spec("exact.ties", RELU, _steered(TIES, TIES[::-1]), OUTPUT),
    _spec("exact.equal", RELU, _steered([0.0] * 5, [0.0, -0.0, 0.0, -0.0, 0.0]), OUTPUT),
    _spec("exact.deep", _with(DEEP, activation="relu"), _exact(6), OUTPUT),
    _spec("exact.loud", RELU, loud, OUTPUT | {"loud"}),
    _spec("exact.square", SQUARE, _exact(8), OUTPUT, size=1),
    *(
        _spec(
            f"numeric.{kind}",
            _with(SINGLE, activation=kind),
            _wide_activation,
            {"any", f"activation.{kind}", "without routing"},
            everywhere=2 if kind == "identity" else 1,
        )
        for kind in ACTIVATIONS
    ),
    *(
        _spec(
            f"numeric.small.{kind}",
            _with(SMALL, activation=kind),
            _full(6),
            OUTPUT,
            size=2 if kind in ("gelu_tanh", "silu") else 0,
        )
        for kind in ACTIVATIONS
    ),
    _spec("numeric.wide", WIDE, _full(17), OUTPUT | {"perturb"}, everywhere=0),
    _spec("numeric.wide.relu", _with(WIDE, activation="relu"), _full(17), OUTPUT, size=2),
    _spec("numeric.deep", _with(DEEP, activation="relu"), _full(6), OUTPUT),
    _spec("numeric.apart", SMALL, _apart, {"any", "apart"}),
    _spec("numeric.twins", RELU, _twins, OUTPUT | {"twins"}),
    _spec("numeric.cancelling", RELU, _cancelling, OUTPUT),
    _spec("shape.none", RELU, _full(), OUTPUT | {"form"}),
    _spec("shape.one", RELU, _full(1), OUTPUT | {"form"}),
    _spec("shape.empty", RELU, _full(0), {"any"}),
    _spec("shape.empty.two", RELU, _full(0, 3), {"any"}),
    _spec("shape.three", RELU, _full(2, 3), OUTPUT | {"form"}),
    _spec("shape.four", RELU, _full(1, 3, 2), OUTPUT | {"form"}, size=1),
    _spec("shape.strided", RELU, _strided, OUTPUT | {"form"}),
    _spec("shape.columns", RELU, _in_columns("x"), OUTPUT | {"form"}),
    _spec("shape.tables", RELU, _in_columns("tables"), OUTPUT | {"form"}),
    _spec("shape.masked", RELU, _masked, {"any", "form"}),
    _spec("shape.uncounted", RELU, _uncounted, {"any", "form"}),
    _spec("finite.nan", RELU, _one_bad_token(np.nan), {"any", "nan"}, everywhere=0),
    *(
        _spec(f"finite.nan.{kind}", _with(SINGLE, activation=kind), _one_bad_token(np.nan), {"any", "nan"})
        for kind in ACTIVATIONS
    ),
    _spec("finite.infinity", RELU, _one_bad_token(np.inf), {"any", "infinity"}),
    _spec("meta.perturb", RELU, _full(6), {"any", "perturb"}),
    _spec("meta.linear", RELU, _full(6), {"any", "linear"}),
    _spec("numeric.lone", LONE, _positive, {"expert"}),
    _spec("numeric.crowd", RELU, _full(CROWD), OUTPUT, size=1),
    _spec("numeric.pairs", PAIRS, _full(1), OUTPUT, size=1),
    _spec("numeric.tall", TALL, _full(17), OUTPUT, size=1),
    _spec("numeric.pool", POOL, _high_ids, {"expert"} | OUTPUT, size=1),
    _spec("numeric.million", MILLION, _high_ids, OUTPUT, size=2),
    _spec("numeric.beyond", BEYOND, _highest_ids, {"any", "scores", "selection", "gates", "output"}, size=2),
)
