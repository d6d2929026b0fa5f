"""Timing of variants in turns, so that a slow moment of the machine affects all of them."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

import numpy as np

__all__ = ["Quartiles", "Variants", "in_turns"]

Variants = Mapping[str, Callable[[], object]]

MIN_ROUNDS, MAX_ROUNDS = 3, 21
"""Rounds that count: fewer give no median, and more hardly change it."""


@dataclass(frozen=True)
class Quartiles:
    """The seconds of one variant: lower quartile, median, upper quartile, and the number of rounds."""

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
    """Time every variant in each round, until ``budget`` seconds are over; the first round only warms up."""
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    for work in variants.values():
        work()
    gc.collect()
    gc.disable()
    try:
        until = time.perf_counter() + budget
        for turn in range(MAX_ROUNDS):
            if turn >= MIN_ROUNDS and time.perf_counter() > until:
                break
            for name, work in variants.items():
                start = time.perf_counter()
                work()
                seconds[name].append(time.perf_counter() - start)
    finally:
        gc.enable()
    return {name: Quartiles.of(taken) for name, taken in seconds.items()}
