"""The whole layer with kernels, with bodies, and in torch, on the same tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import sessions
import torch
import variants
from numpy.typing import NDArray
from points import Bench, Point, benches
from ratios import compared
from sessions import Run
from timing import in_turns

__all__ = ["GRID", "by_bodies", "by_kernels", "forward", "narrow"]

GRID = [Point(1024, d_model, tokens) for d_model in (256, 1024) for tokens in (1, 64, 512, 4096)]

NATIVE, BODIES = "native kernel", "bodies"
RIVALS: dict[str, variants.Maker] = {
    variants.PACKAGE: variants.peer_pytorch,
    "Algorithm 1": variants.paper,
    variants.BAG: partial(variants.paper, bag=True),
    variants.COMPILED: partial(variants.paper, bag=True, compiled=True),
}


def by_kernels(bench: Bench) -> Run:
    made = sessions.layer(bench.point, kernels=True)
    return of_batches(bench, made, sessions.given(bench))


def by_bodies(bench: Bench) -> Run:
    made = sessions.layer(bench.point, kernels=False)
    return of_batches(bench, made, sessions.given(bench))


def of_batches(bench: Bench, made: Any, arrays: Mapping[str, NDArray[Any]]) -> Run:
    """An evaluation of the tokens of the round."""
    room = sessions.room(bench.point)
    runs = [sessions.bound(made, {**arrays, "x": x.numpy()}, room) for x in bench.batches]
    return lambda: runs[bench.batch]()


VARIANTS: dict[str, Callable[[Bench], Run]] = {
    NATIVE: by_kernels,
    BODIES: by_bodies,
    variants.CORE: variants.with_core,
    **RIVALS,
}


def forward(points: Sequence[Point], budget: float) -> Iterator[list[dict[str, object]]]:
    """The rows of each point."""
    for bench in benches(list(points)):
        with torch.inference_mode():
            found = in_turns({name: make(bench) for name, make in VARIANTS.items()}, budget, advance=bench.advance)
        torch.compiler.reset()
        yield compared(bench.point.as_row(), found, list(RIVALS))


def narrow(points: Sequence[Point], budget: float) -> Iterator[list[dict[str, object]]]:
    """The kernel with float16 and int8 tables."""
    for bench in benches(list(points)):
        work = {f"{NATIVE}, float32 tables": by_kernels(bench)}
        for tables in ("float16", "int8"):
            made = sessions.layer(bench.point, kernels=True, tables=tables)
            arrays = sessions.given(bench, tables)
            work[f"{NATIVE}, {tables} tables"] = of_batches(bench, made, arrays)
        found = in_turns(work, budget, advance=bench.advance)
        first = next(iter(found.values())).median
        yield [
            {**bench.point.as_row(), "variant": name, **taken.as_row(), "speed": first / taken.median}
            for name, taken in found.items()
        ]
