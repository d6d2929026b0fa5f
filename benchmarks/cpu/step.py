"""A training step: forward pass, backward pass, and the update of all parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any

import torch
from points import Bench, Point, benches
from timing import in_turns
from torch import nn
from training import BASELINE, CORE, LIBRARY, backward_pass, package_layer, project_layer

from peerspec.backends.torch import LazyAdam, RowAdagrad, RowSGD
from peerspec.backends.torch.kernels import library_operations

__all__ = ["ADAM_BASELINE", "POINTS", "VARIANTS", "step", "turn"]

POINTS = [Point(1024, 256, tokens) for tokens in (64, 512, 2048)]
ADAM_BASELINE = f"{BASELINE}, Adam"
"""The variant that ratios compare with: the fastest Adam of torch."""
RATE = 1e-5

Make = Callable[[Bench], nn.Module]
State = dict[str, dict[str, Any]]


class Step:
    """Steps of one layer by one optimiser.

    Args:
        bench: the tokens to learn from, until ``take`` changes them.
        make: makes the layer on the tables of a bench.
        optimiser: makes the optimiser of its parameters.
        core: whether it uses the native core.
    """

    def __init__(self, bench: Bench, make: Make, optimiser: Callable[..., Any], *, core: bool) -> None:
        self.module = make(bench)
        self.optimiser: torch.optim.Optimizer = optimiser(self.module.parameters(), lr=RATE)
        self._where = nullcontext if core else library_operations
        self.take(bench)

    def take(self, bench: Bench) -> None:
        """Learn from the tokens of this bench."""
        self._pass = backward_pass(self.module, bench)

    def __call__(self) -> None:
        """One step, and then the gradients are freed."""
        with self._where():
            self._pass()
            self.optimiser.step()
        self.optimiser.zero_grad()

    def use_state(self, state: State) -> None:
        """Use the same state as another optimiser of this kind: the memory does not hold two."""
        for name, parameter in self.module.named_parameters():
            self.optimiser.state[parameter] = state.setdefault(name, {})


VARIANTS: dict[str, tuple[Make, Callable[..., Any]]] = {
    ADAM_BASELINE: (package_layer, partial(torch.optim.Adam, fused=True)),
    f"{BASELINE}, SGD": (package_layer, partial(torch.optim.SGD, fused=True)),
    f"{CORE}: RowSGD": (project_layer, RowSGD),
    f"{CORE}: RowSGD in backward": (project_layer, partial(RowSGD, in_backward=True)),
    f"{CORE}: RowAdagrad in backward": (project_layer, partial(RowAdagrad, in_backward=True)),
    f"{CORE}: LazyAdam": (project_layer, LazyAdam),
    f"{CORE}: LazyAdam in backward": (project_layer, partial(LazyAdam, in_backward=True)),
    f"{LIBRARY}: RowSGD in backward": (project_layer, partial(RowSGD, in_backward=True)),
    f"{LIBRARY}: LazyAdam in backward": (project_layer, partial(LazyAdam, in_backward=True)),
}


def step(points: Sequence[Point], budget: float) -> Iterator[list[dict[str, object]]]:
    """The rows of each point."""
    for bench in benches(list(points)):
        found = in_turns(turns(bench), budget)
        point, baseline = bench.point.as_row(), found[ADAM_BASELINE].median
        yield [{**point, "variant": name, **q.as_row(), "speed": baseline / q.median} for name, q in found.items()]


def turn(bench: Bench, name: str) -> Step:
    """The step of the variant with this name."""
    make, optimiser = VARIANTS[name]
    return Step(bench, make, optimiser, core=not name.startswith(LIBRARY))


def turns(bench: Bench) -> dict[str, Step]:
    moments: State = {}
    work = {name: turn(bench, name) for name in VARIANTS}
    for name, one in work.items():
        if "LazyAdam" in name:
            one.use_state(moments)
    return work
