"""The cases of the profile ``adapter``: routers of every option, up to five targets, ranks from one to 17."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from peerspec.conformance.cases.adapter_case import AdapterDefinition, Target
from peerspec.conformance.cases.build import Parts
from peerspec.conformance.cases.case import Array, CaseFamily, Draw, balanced_exponent
from peerspec.conformance.cases.configs import SMALL, WIDE
from peerspec.conformance.cases.layers import exact_params, full_params, tokens
from peerspec.conformance.cases.profile_build import ALL_OPTIONS, BATCH_NORM, LAYER_NORM, PER_HEAD, SIGMOID, TOGETHER
from peerspec.reference import Base, PeerConfig

__all__ = ["ADAPTER_CASES"]

SAME, NARROW, LARGE = Target("same", 7), Target("narrow", 3, bias=True), Target("large", 19, bias=True)
"""A square base without a bias, in which W and its transpose have one shape, and two others with one."""


def _parts(
    lead: tuple[int, ...],
    targets: tuple[Target, ...],
    rank: int,
    *,
    exact: bool,
    training: bool,
    backwards: bool,
    fresh: int,
) -> Any:
    """A builder: small integers, so that every sum is exact, or full significands."""

    def build(draw: Draw, config: PeerConfig) -> Parts:
        params = (exact_params if exact else full_params)(draw, config)
        params |= {name: np.zeros_like(params[name]) for name in ("experts.u", "experts.v")}
        make = _exact if exact else _full
        tables, bases, upstream = {}, {}, {}
        for t in targets:
            rows = (config.num_experts, rank)
            tables[f"targets.{t.name}.u"] = make(draw, f"targets.{t.name}.u", (*rows, config.d_model))
            tables[f"targets.{t.name}.v"] = make(draw, f"targets.{t.name}.v", (*rows, t.width)) * (
                t not in targets[:fresh]
            )
            if t.left_out:
                continue
            weight = make(draw, f"bases.{t.name}.weight", (t.width, config.d_model))
            bases[t.name] = Base(weight, make(draw, f"bases.{t.name}.bias", (t.width,)) if t.bias else None)
            upstream[t.name] = make(draw, f"dy.{t.name}", (*lead, t.width))
        if backwards:
            bases, upstream = dict(reversed(bases.items())), dict(reversed(upstream.items()))
        x = tokens(draw, (*lead, config.d_model), exact=exact)
        return {
            "params": params, "x": x, "training": training, "tables": tables, "bases": bases, "upstream": upstream,
        }  # fmt: skip

    return build


def _exact(draw: Draw, name: str, shape: tuple[int, ...]) -> Array:
    """Integers −4 … 3 in v and dy, −2 … 1 elsewhere; none is 0, which would hide a part of a sum."""
    array = draw.coarse(name, shape, *((3, 2) if name.endswith(".v") or name.startswith("dy.") else (2, 1)))
    array[array == 0] = 1
    return array


def _full(draw: Draw, name: str, shape: tuple[int, ...]) -> Array:
    """Scaled so that the base and the change of a token have standard deviations near one."""
    scaled = name.endswith((".u", ".weight"))
    return draw.full(name, shape, balanced_exponent(shape[-1]) if scaled else 0)


def _case(
    label: str,
    config: PeerConfig,
    targets: tuple[Target, ...],
    *profiles: str,
    rank: int = 1,
    alpha: float = 1.0,
    lead: tuple[int, ...] = (6,),
    training: bool = False,
    tags: tuple[str, ...] = ("adapter",),
    exact: bool = False,
    columns: bool = False,
    backwards: bool = False,
    fresh: int = 0,
    **more: Any,
) -> AdapterDefinition:
    """A case; the first ``fresh`` targets have a v of zeros, with which an adapter usually begins."""
    return AdapterDefinition(
        CaseFamily.EXACT if exact else CaseFamily.ADAPTER,
        f"adapter.{label}" if exact else label,
        replace(config, d_out=config.d_model, activation="identity", expert="mlp"),
        _parts(lead, targets, rank, exact=exact, training=training, backwards=backwards, fresh=fresh),
        frozenset(tags),
        frozenset({"adapter", *profiles}),
        targets=targets,
        rank=rank,
        alpha=alpha,
        columns=columns,
        **more,
    )


def _gradient(label: str, config: PeerConfig, targets: tuple[Target, ...], *profiles: str, **more: Any) -> Any:
    return _case(f"gradient.{label}", config, targets, "training", *profiles, **({"tags": _GRADIENT} | more))


_WHOLE, _GRADIENT = ("adapter", "adapter.base", "adapter.apart", "adapter.tokens"), ("adapter.gradient",)
_ROUTERS = tuple(option for option in ALL_OPTIONS if option != "glu")
"""The profiles of a router with every option; the experts of an adapter have none."""
TWO, ALL = (SAME, NARROW), (NARROW, LARGE, SAME)
LEFT = (SAME, replace(LARGE, left_out=True), NARROW)
BIASED = replace(SMALL, query_bias=True)
FIVE = (*(Target(name, 131, bias=name == "v") for name in "qkv"), NARROW, LARGE)
"""Three of one width, and more of them than a fused kernel for query, key and value takes."""
BROAD = replace(SMALL, d_model=261)
TALL = replace(SMALL, heads=4)
"""With 17 ranks, a token has more than 256 rows of a table."""
ONE = replace(SMALL, heads=3, top_k=1)
"""Gates are 1, so that y is a sum of exact products (PRC-5)."""

ADAPTER_CASES = (
    _case("small", SMALL, TWO, alpha=1.5, tags=(*_WHOLE, "adapter.repeat"), everywhere=0),
    _case("one", ONE, TWO, rank=2, alpha=0.5, tags=("adapter.base", "adapter.exact"), exact=True, everywhere=1),
    _case("ranks", SMALL, ALL, rank=3, alpha=-0.75, tags=_WHOLE, everywhere=1),
    _case("axes", SMALL, LEFT, rank=2, lead=(2, 3)),
    _case("vector", SMALL, TWO, lead=()),
    _case("empty", SMALL, TWO, lead=(0,)),
    _case("columns", SMALL, TWO, rank=2, columns=True),
    _case("bias", BIASED, TWO, "query-bias", lead=(1031,)),
    _case("per-head", PER_HEAD, TWO, "per-head-keys"),
    _case("layer", LAYER_NORM, TWO, "query-norm"),
    _case("batch", BATCH_NORM, TWO, "query-norm"),
    _case("batch.training", BATCH_NORM, TWO, "query-norm", training=True, narrow=1),
    _case("sigmoid", SIGMOID, TWO, "sigmoid", alpha=3.0),
    _case("together", TOGETHER, ALL, *_ROUTERS, rank=2, training=True, tags=_WHOLE, size=1),
    _case("wide", WIDE, ALL, rank=5, alpha=0.1, lead=(131,), size=1),
    _case("features", BROAD, TWO, alpha=-7.3, size=1),
    _case("mode", SMALL, TWO, training=True),
    _case("tall", TALL, FIVE, rank=17, lead=(19,), size=1, backwards=True),
    _case("rows", replace(SMALL, d_model=3, num_experts=128**2), (NARROW,), rank=5, size=1),
    _gradient("small", SMALL, TWO, alpha=1.5, tags=(*_GRADIENT, "adapter.gradient.repeat"), everywhere=0),
    _gradient("ranks", SMALL, ALL, rank=3, alpha=-0.75, everywhere=1),
    _gradient("one", replace(SMALL, top_k=1), TWO, rank=2, alpha=0.5),
    _gradient("axes", SMALL, LEFT, rank=2, lead=(2, 3)),
    _gradient("fresh", SMALL, TWO, fresh=2),
    _gradient("fresh.first", SMALL, ALL, rank=2, alpha=0.1, fresh=1, size=1),
    _gradient("empty", SMALL, TWO, lead=(0,)),
    _gradient("columns", SMALL, TWO, rank=2, columns=True),
    _gradient("bias", BIASED, TWO, "query-bias", lead=(1031,)),
    _gradient("per-head", PER_HEAD, TWO, "per-head-keys"),
    _gradient("layer", LAYER_NORM, TWO, "query-norm"),
    _gradient("batch", BATCH_NORM, TWO, "query-norm", training=True),
    _gradient("frozen", BATCH_NORM, TWO, "query-norm", "frozen-statistics"),
    _gradient("sigmoid", SIGMOID, TWO, "sigmoid", alpha=3.0),
    _gradient("together", TOGETHER, ALL, *_ROUTERS, rank=2, training=True, size=1),
    _gradient("wide", WIDE, ALL, rank=5, alpha=0.1, lead=(67,), size=1),
    _gradient("features", BROAD, TWO, alpha=-7.3, size=1),
    _gradient("tall", TALL, FIVE, rank=17, lead=(19,), size=1, backwards=True),
)
