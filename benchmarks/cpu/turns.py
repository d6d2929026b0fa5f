"""Variants that take turns, so that a slower moment of the machine meets all of them."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

import numpy as np

__all__ = ["Quartiles", "Variants", "in_turns"]

Variants = Mapping[str, Callable[[], object]]

LEAST, MOST = 3, 21
"""Rounds that count: the median of fewer says nothing, and of more hardly anything else."""


@dataclass(frozen=True)
class Quartiles:
    """Seconds of one variant: lower quartile, median, upper quartile, over so many rounds."""

    low: float
    median: float
    high: float
    rounds: int

    @classmethod
    def of(cls, seconds: list[float]) -> Quartiles:
        return cls(*(float(q) for q in np.quantile(seconds, [0.25, 0.5, 0.75])), len(seconds))

    def as_row(self) -> dict[str, float]:
        return asdict(self)


def in_turns(variants: Variants, budget: float) -> dict[str, Quartiles]:
    """Time every variant in each round until ``budget`` seconds are spent; one before them warms up."""
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    for work in variants.values():
        work()
    gc.collect()
    gc.disable()
    try:
        until = time.perf_counter() + budget
        for turn in range(MOST):
            if turn >= LEAST and time.perf_counter() > until:
                break
            for name, work in variants.items():
                start = time.perf_counter()
                work()
                seconds[name].append(time.perf_counter() - start)
    finally:
        gc.enable()
    return {name: Quartiles.of(taken) for name, taken in seconds.items()}
