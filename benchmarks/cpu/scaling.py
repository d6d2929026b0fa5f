"""Time over the number of experts and of tokens, and the time that the limits of the machine predict."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from forward import VARIANTS, unavailable_reason
from limits import limits
from points import Point, benches
from timing import in_turns
from variants import BAG, COMPILED, CORE, LIBRARY, PACKAGE

__all__ = ["OVER_EXPERTS", "OVER_TOKENS", "SHOWN", "scaling"]

SHOWN = [
    CORE,
    LIBRARY,
    PACKAGE,
    BAG,
    COMPILED,
    "dense FFN of equal FLOPs",
    "dense FFN of equal parameters",
]

OVER_EXPERTS = [Point(1 << exponent, 256, 512) for exponent in range(5, 12)]
OVER_TOKENS = [Point(1024, 256, 1 << exponent) for exponent in range(0, 15, 2)]


def scaling(points: Sequence[Point], names: Sequence[str], budget: float) -> Iterator[list[dict[str, object]]]:
    """The rows of each point: the variants, and the minimal time by the limits measured in the same run."""
    for bench in benches(list(points)):
        with torch.inference_mode():
            work = {name: VARIANTS[name](bench) for name in names if not unavailable_reason(name, bench.point)}
            found = in_turns(work, budget, advance=bench.advance)
            torch.compiler.reset()
            machine = limits(bench, budget / 2)
        point = bench.point.as_row()
        rows: list[dict[str, object]] = [{**point, "variant": name, **found[name].as_row()} for name in found]
        rows.append(
            {
                **point,
                "variant": "predicted by the limits",
                "median": machine.min_seconds(bench.point),
                "bytes_per_second": machine.bandwidth,
                "operations_per_second": machine.rate,
            }
        )
        yield rows
