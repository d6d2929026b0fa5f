"""Forward and backward pass, with gradients of x and all parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import torch
from points import Bench, Point, benches
from ratios import compared
from timing import in_turns
from torch import nn
from training import (
    SPARSE,
    backward_pass,
    dense_algorithm,
    package_layer,
    project_layer,
    sparse_algorithm,
)
from variants import BAG, COMPILED, CORE, LIBRARY, PACKAGE

from peerspec.backends.torch.kernels import library_operations

__all__ = ["POINTS", "backward"]

RIVALS: dict[str, Callable[[Bench], nn.Module]] = {
    PACKAGE: package_layer,
    SPARSE: sparse_algorithm,
    BAG: dense_algorithm,
    COMPILED: partial(dense_algorithm, compiled=True),
}
"""Other implementations; a gradient that is not sparse is as large as its table."""
POINTS = [Point(n, 256, tokens) for n in (128, 1024) for tokens in (64, 512, 2048)]


def backward(points: Sequence[Point], budget: float) -> Iterator[list[dict[str, object]]]:
    """The rows of each point."""
    for bench in benches(list(points)):
        found = in_turns(variants(bench), budget, advance=bench.advance)
        torch.compiler.reset()
        yield compared(bench.point.as_row(), found, list(RIVALS))


def variants(bench: Bench) -> dict[str, Callable[[], None]]:
    own = dropping(project_layer(bench), bench)

    def library() -> None:
        with library_operations():
            own()

    return {
        CORE: own,
        LIBRARY: library,
        **{name: dropping(make(bench), bench) for name, make in RIVALS.items()},
    }


def dropping(module: nn.Module, bench: Bench) -> Callable[[], None]:
    """One pass, and then the gradients are freed: the memory does not hold those of two variants."""
    work = backward_pass(module, bench)

    def turn() -> None:
        work()
        module.zero_grad()

    return turn
