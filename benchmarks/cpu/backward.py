"""Forward and backward pass, with gradients of x and all parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from points import Bench, Point, benches
from torch import nn
from trainees import CORE, LIBRARY, RIVAL, backward_pass, ours, theirs
from turns import in_turns

from peerspec.backends.torch.native import library_operations

__all__ = ["POINTS", "backward"]

POINTS = [Point(n, 256, tokens) for n in (128, 1024) for tokens in (64, 512, 2048)]


def backward(points: Sequence[Point], budget: float) -> Iterator[list[dict[str, object]]]:
    """The rows of each point."""
    for bench in benches(list(points)):
        found = in_turns(variants(bench), budget)
        point, rival = bench.point.as_row(), found[RIVAL].median
        yield [{**point, "variant": name, **q.as_row(), "speed": rival / q.median} for name, q in found.items()]


def variants(bench: Bench) -> dict[str, Callable[[], None]]:
    own = dropping(ours(bench), bench)

    def library() -> None:
        with library_operations():
            own()

    return {RIVAL: dropping(theirs(bench), bench), CORE: own, LIBRARY: library}


def dropping(module: nn.Module, bench: Bench) -> Callable[[], None]:
    """One pass, and then the gradients are freed: the memory does not hold those of two variants."""
    work = backward_pass(module, bench)

    def turn() -> None:
        work()
        module.zero_grad()

    return turn
