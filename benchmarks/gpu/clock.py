"""Time on the device: medians by its own events, with the variants of a point in turns."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from statistics import median

import torch

__all__ = ["Work", "graphed", "in_turns"]

Work = Callable[[], object]
ROUNDS, WARM = 11, 2
WAIT = 1_000_000
"""Cycles, about half a millisecond."""
if not torch.cuda.is_available():
    ROUNDS, WARM = 1, 1  # a dry run measures nothing


def in_turns(variants: Mapping[str, Work], *, rounds: int = ROUNDS) -> dict[str, float]:
    """Milliseconds of each variant, by device events where there is a GPU; at most ``rounds`` times."""
    for work in variants.values():
        for _ in range(WARM):
            work()
    taken: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(min(rounds, ROUNDS)):
        for name, work in variants.items():
            taken[name].append(_once(work))
    return {name: median(found) for name, found in taken.items()}


def _once(work: Work) -> float:
    if not torch.cuda.is_available():
        start = time.perf_counter()
        work()
        return 1e3 * (time.perf_counter() - start)
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda._sleep(WAIT)  # the device waits until the host has started the work, so that its time is not the host's
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
