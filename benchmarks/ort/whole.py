"""The whole layer with kernels, with bodies, and in torch, on the same tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import sessions
import torch
import variants
from points import Bench, Point, benches
from sessions import Run
from timing import in_turns

__all__ = ["EAGER", "GRID", "by_bodies", "by_kernels", "forward", "narrow"]

GRID = [Point(1024, d_model, tokens) for d_model in (256, 1024) for tokens in (1, 64, 512, 4096)]

EAGER, NATIVE, BODIES = "paper's Algorithm 1", "native kernel", "bodies"


def by_kernels(bench: Bench) -> Run:
    made = sessions.layer(bench.point, kernels=True)
    return sessions.bound(made, sessions.given(bench), sessions.room(bench.point))


def by_bodies(bench: Bench) -> Run:
    made = sessions.layer(bench.point, kernels=False)
    return sessions.bound(made, sessions.given(bench), sessions.room(bench.point))


VARIANTS: dict[str, Callable[[Bench], Run]] = {
    EAGER: variants.paper,
    variants.BASELINE: variants.peer_pytorch,
    BODIES: by_bodies,
    NATIVE: by_kernels,
    "torch, with the core": variants.with_core,
}


def forward(points: Sequence[Point], budget: float) -> Iterator[list[dict[str, object]]]:
    """The rows of each point."""
    for bench in benches(list(points)):
        with torch.inference_mode():
            found = in_turns({name: make(bench) for name, make in VARIANTS.items()}, budget)
        yield [
            {
                **bench.point.as_row(),
                "variant": name,
                **taken.as_row(),
                "speed": found[EAGER].median / taken.median,
                "over_bodies": found[BODIES].median / taken.median,
            }
            for name, taken in found.items()
        ]


def narrow(points: Sequence[Point], budget: float) -> Iterator[list[dict[str, object]]]:
    """The kernel with float16 and int8 tables."""
    for bench in benches(list(points)):
        work = {f"{NATIVE}, float32 tables": by_kernels(bench)}
        for tables in ("float16", "int8"):
            made = sessions.layer(bench.point, kernels=True, tables=tables)
            arrays = sessions.given(bench, tables)
            work[f"{NATIVE}, {tables} tables"] = sessions.bound(made, arrays, sessions.room(bench.point))
        found = in_turns(work, budget)
        first = next(iter(found.values())).median
        yield [
            {**bench.point.as_row(), "variant": name, **taken.as_row(), "speed": first / taken.median}
            for name, taken in found.items()
        ]
