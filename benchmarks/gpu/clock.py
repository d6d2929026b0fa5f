"""Time on the device: medians by its own events, with the variants of a point in turns."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from statistics import median

import torch

__all__ = ["Work", "failures", "graphed", "in_turns"]

Work = Callable[[], object]
ROUNDS, WARM = 11, 2
RATE, LONGEST = 2e9, 0.1
"""Cycles of the device in a second, about, and the seconds that it waits at most."""
if not torch.cuda.is_available():
    ROUNDS, WARM = 1, 1  # a dry run measures nothing


def in_turns(variants: Mapping[str, Work], *, rounds: int = ROUNDS) -> dict[str, float]:
    """Milliseconds of each variant, by device events where there is a GPU; at most ``rounds`` times."""
    host = {name: _warm(work) for name, work in variants.items()}
    taken: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(min(rounds, ROUNDS)):
        for name, work in variants.items():
            taken[name].append(_once(work, host[name]))
    return {name: median(found) for name, found in taken.items()}


def failures(variants: Mapping[str, Work]) -> dict[str, str]:
    """Why variants cannot run, for those that cannot: a rival that fails must not hide the others."""
    found = {}
    for name, work in variants.items():
        try:
            work()
        except Exception as error:  # whatever goes wrong in a rival
            found[name] = f"{name}: {type(error).__name__}: {error}"[:300]
    return found


def _warm(work: Work) -> float:
    """The seconds that the host takes to start the work."""
    for _ in range(WARM):
        start = time.perf_counter()
        work()
    return time.perf_counter() - start


def _once(work: Work, host: float) -> float:
    if not torch.cuda.is_available():
        start = time.perf_counter()
        work()
        return 1e3 * (time.perf_counter() - start)
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    # the device waits until the host has started the work, so that its time is not the host's
    torch.cuda._sleep(int(RATE * min(LONGEST, 1e-3 + 2 * host)))
    begin.record()
    work()
    end.record()
    end.synchronize()
    return float(begin.elapsed_time(end))


def graphed(work: Work) -> Work:
    """The work as a CUDA graph; the work itself where there is no GPU."""
    if not torch.cuda.is_available():
        return work
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(WARM):
            work()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        work()
    return graph.replay
