"""Timing of variants in turns, in a new random order each round, with cold and with warm caches.

A fixed order gives whoever runs after a reader of the same rows a warm cache. So each variant is called twice in its
turn: once after the caches were overwritten, and again on the same tokens. The first is the figure, because in a model
other layers run between two calls; the second stands beside it.
"""

from __future__ import annotations

import gc
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch

__all__ = ["Quartiles", "Variants", "in_turns", "last_cache"]

Variants = Mapping[str, Callable[[], object]]

MIN_ROUNDS, MAX_ROUNDS = 3, 21
"""Rounds that count: fewer give no median, and more hardly change it."""
USUAL_CACHE = 32 << 20


@dataclass(frozen=True)
class Quartiles:
    """The seconds of one variant: lower quartile, median, upper quartile, the median on warm caches, and the rounds."""

    low: float
    median: float
    high: float
    warm: float
    rounds: int

    @classmethod
    def of(cls, cold: list[float], warm: list[float]) -> Quartiles:
        return cls(*(float(q) for q in np.quantile(cold, [0.25, 0.5, 0.75])), float(np.median(warm)), len(cold))

    def as_row(self) -> dict[str, float]:
        return asdict(self)


def last_cache() -> int:
    """The bytes of the last cache of this machine, or of a usual one where the system does not say."""
    sizes = Path("/sys/devices/system/cpu/cpu0/cache").glob("index*/size")
    units = {"K": 1 << 10, "M": 1 << 20}
    return max(
        (int(text[:-1]) * units[text[-1]] for text in (p.read_text().strip() for p in sizes)), default=USUAL_CACHE
    )


@cache
def _other_work() -> torch.Tensor:
    with torch.inference_mode(mode=False):
        return torch.ones(2 * last_cache() // 4)


def forget() -> None:
    """Overwrite the caches of all processors."""
    _other_work().add_(1)


def in_turns(
    variants: Variants, budget: float, *, advance: Callable[[], object] = lambda: None
) -> dict[str, Quartiles]:
    """Time every variant in each round, until ``budget`` seconds are over; the first calls only warm up.

    Args:
        variants: functions of one turn, by name.
        budget: seconds, exceeded by at least three rounds.
        advance: called before each round, to give all variants other tokens.
    """
    cold: dict[str, list[float]] = {name: [] for name in variants}
    warm: dict[str, list[float]] = {name: [] for name in variants}
    for work in variants.values():
        work()
    order, chance = list(variants), random.Random(0)
    gc.collect()
    gc.disable()
    try:
        until = time.perf_counter() + budget
        for turn in range(MAX_ROUNDS):
            if turn >= MIN_ROUNDS and time.perf_counter() > until:
                break
            advance()
            chance.shuffle(order)
            for name in order:
                forget()
                cold[name].append(_seconds(variants[name]))
                warm[name].append(_seconds(variants[name]))
    finally:
        gc.enable()
    return {name: Quartiles.of(cold[name], warm[name]) for name in variants}


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
