"""A whole training step: forward, backward, and the update of every parameter."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any

import torch
from points import Bench, Point, benches
from torch import nn
from trainees import CORE, LIBRARY, RIVAL, backward_pass, ours, theirs
from turns import in_turns

from peerspec.backends.torch import LazyAdam, RowAdagrad, RowSGD
from peerspec.backends.torch.native import library_operations

__all__ = ["FAIR", "POINTS", "VARIANTS", "step", "turn"]

POINTS = [Point(1024, 256, tokens) for tokens in (64, 512, 2048)]
FAIR = f"{RIVAL}, Adam"
"""Whom ratios are stated against: the fastest Adam of torch."""
RATE = 1e-5

Make = Callable[[Bench], nn.Module]
State = dict[str, dict[str, Any]]


class Step:
    """Steps of one layer by one optimiser.

    Args:
        bench: what it learns from, until it takes another.
        make: the layer on the tables of a bench.
        optimiser: of its parameters.
        core: whether it may use the native core.
    """

    def __init__(self, bench: Bench, make: Make, optimiser: Callable[..., Any], *, core: bool) -> None:
        self.module = make(bench)
        self.optimiser: torch.optim.Optimizer = optimiser(self.module.parameters(), lr=RATE)
        self._where = nullcontext if core else library_operations
        self.take(bench)

    def take(self, bench: Bench) -> None:
        """From now on learn from these tokens."""
        self._pass = backward_pass(self.module, bench)

    def __call__(self) -> None:
        """One step, whose gradients go at its end."""
        with self._where():
            self._pass()
            self.optimiser.step()
        self.optimiser.zero_grad()

    def share(self, state: State) -> None:
        """Keep the optimiser's state where another of its kind does: two would not fit beside each other."""
        for name, parameter in self.module.named_parameters():
            self.optimiser.state[parameter] = state.setdefault(name, {})


VARIANTS: dict[str, tuple[Make, Callable[..., Any]]] = {
    FAIR: (theirs, partial(torch.optim.Adam, fused=True)),
    f"{RIVAL}, SGD": (theirs, partial(torch.optim.SGD, fused=True)),
    f"{CORE}: SGD": (ours, RowSGD),
    f"{CORE}: SGD in backward": (ours, partial(RowSGD, in_backward=True)),
    f"{CORE}: RowAdagrad in backward": (ours, partial(RowAdagrad, in_backward=True)),
    f"{CORE}: LazyAdam": (ours, LazyAdam),
    f"{CORE}: LazyAdam in backward": (ours, partial(LazyAdam, in_backward=True)),
    f"{LIBRARY}: SGD in backward": (ours, partial(RowSGD, in_backward=True)),
    f"{LIBRARY}: LazyAdam in backward": (ours, partial(LazyAdam, in_backward=True)),
}


def step(points: Sequence[Point], budget: float) -> Iterator[list[dict[str, object]]]:
    """Rows of one point after the other."""
    for bench in benches(list(points)):
        found = in_turns(turns(bench), budget)
        point, rival = bench.point.as_row(), found[FAIR].median
        yield [{**point, "variant": name, **q.as_row(), "speed": rival / q.median} for name, q in found.items()]


def turn(bench: Bench, name: str) -> Step:
    """The variant of that name."""
    make, optimiser = VARIANTS[name]
    return Step(bench, make, optimiser, core=not name.startswith(LIBRARY))


def turns(bench: Bench) -> dict[str, Step]:
    moments: State = {}
    work = {name: turn(bench, name) for name in VARIANTS}
    for name, one in work.items():
        if "LazyAdam" in name:
            one.share(moments)
    return work
