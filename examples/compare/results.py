"""What each layer reached, as a table. A loss that does not compare with the others has a mark."""

from __future__ import annotations

from typing import NamedTuple

from layers import EXPERTS_CHOOSE, cost_of

__all__ = ["HEAD", "NOTE", "Curve", "Result", "mean", "show"]

Curve = list[tuple[int, float]]
"""Steps, with the loss on held-out bytes."""


class Result(NamedTuple):
    """What a layer reached.

    Attributes:
        name: of the layer.
        curves: one for each seed.
        generating: for each seed the loss byte by byte, where experts choose; else empty, because it is the same.
        seconds: processor time of a step; on a machine that does nothing else, the time on one core.
    """

    name: str
    curves: list[Curve]
    generating: list[float]
    seconds: float

    def mean_curve(self) -> Curve:
        """The mean over the seeds."""
        return [(points[0][0], mean([loss for _, loss in points])) for points in zip(*self.curves, strict=True)]


def mean(numbers: list[float]) -> float:
    return sum(numbers) / len(numbers)


HEAD = f"{'':15} parameters  active    FLOPs    bytes    step   held-out loss (each seed)"
NOTE = "* saw later bytes, so that this loss does not compare with the others (XCM-6)"


def show(result: Result) -> None:
    """The row of the table below ``HEAD``."""
    size, mark = cost_of(result.name), "*" if result.name == EXPERTS_CHOOSE else ""
    counts = f"{size.parameters:10,} {size.active_parameters:7,} {size.flops_per_token:8,} {size.bytes_per_token:8,}"
    losses = shown([curve[-1][1] for curve in result.curves])
    print(f"{result.name + mark:15} {counts} {1000 * result.seconds:4.0f} ms   {losses}{mark}", flush=True)
    if result.generating:
        print(f"{'  byte by byte':63}{shown(result.generating)}", flush=True)


def shown(losses: list[float]) -> str:
    """The mean, and the loss of each seed."""
    return f"{mean(losses):.3f} ({', '.join(f'{loss:.3f}' for loss in losses)})"
