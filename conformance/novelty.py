"""What a case may show that other cases do not show: the features by which a run orders its cases."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from math import prod
from typing import Any

from peerspec.conformance.cases.options import profiles_of
from peerspec.conformance.cases.regimes import ALIGNMENT, interval
from peerspec.conformance.kinds import TrialKind
from peerspec.reference import PRECISIONS, PeerConfig

__all__ = ["features"]

CHECK, CHECK_IN_WIDTH, OPTIONS, ACTIVATION, REGIME, CASE, PRECISION = 4.0, 1.0, 2.0, 1.0, 0.5, 1.0, 0.25
"""Weights of the features, found with ``benchmarks/order.py``; they decide only when a defect is found."""


def features(kind: TrialKind, definition: Any, checks: Iterable[tuple[str, str]]) -> dict[Hashable, float]:
    """The features of a case with their weights.

    Args:
        kind: the kind of its trial.
        definition: its definition.
        checks: the checks on it, each with the precision.
    """
    found: dict[Hashable, float] = {("case", kind, definition.name): CASE}
    for check, precision in checks:
        width = PRECISIONS[precision].input.itemsize
        found |= {("check", check): CHECK, ("check", check, width): CHECK_IN_WIDTH}
        found |= {("check", check, precision): PRECISION, ("case", kind, definition.name, width): CASE / 2}
    if config := getattr(definition, "config", None):
        found |= {(kind, *feature): weight for feature, weight in _of_config(config)}
    if recipe := getattr(definition, "recipe", None):
        parts = {
            "data": recipe.data,
            "mask": recipe.mask,
            "memory": recipe.memory,
            "tokens": interval(prod(recipe.lead)),
        }
        found |= dict.fromkeys(parts.items(), REGIME)
    return found


def _of_config(config: PeerConfig) -> Iterator[tuple[tuple[Hashable, ...], float]]:
    yield ("options", frozenset(profiles_of(config))), OPTIONS
    yield ("activation", config.activation), ACTIVATION
    sizes = {"D": config.d_model, "M": config.d_out, "d/2": config.d_key // 2, "n": config.n}
    for name, size in (sizes | {"k": config.top_k, "h": config.heads}).items():
        yield (name, interval(size), size % ALIGNMENT == 0), REGIME
