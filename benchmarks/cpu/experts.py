"""The expert stage alone, on random ids, and for comparison the time to read the same rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from limits import bandwidth, gathers, moved
from points import Bench, Point, benches
from timing import Variants, in_turns
from torch import Tensor
from torch.nn import functional

from peerspec.backends.torch.experts import expert_stage
from peerspec.backends.torch.kernels import library_operations

__all__ = ["experts"]

NAIVE = "gather and einsum"


def experts(points: Sequence[Point], budget: float) -> Iterator[list[dict[str, object]]]:
    """The rows of each point."""
    for bench in benches(list(points)):
        with torch.inference_mode():
            found = in_turns({**stages(bench), **gathers(bench)}, budget, advance=bench.advance)
        limit, point = bandwidth(bench, found), bench.point.as_row()
        rates = {name: moved(bench.point) / taken.median for name, taken in found.items()}
        yield [
            {
                **point,
                "variant": name,
                **taken.as_row(),
                "speed": found[NAIVE].median / taken.median,
                "bytes_per_second": rates[name],
                "of_limit": rates[name] / limit,
            }
            for name, taken in found.items()
        ]


def stages(bench: Bench) -> Variants:
    """The stage by the core, by library operations, and by the formula of the paper."""
    ids, gates = bench.pairs

    def naive() -> Tensor:
        down, up = (functional.embedding(ids, bench.params[f"experts.{name}"]) for name in "uv")
        weights = functional.gelu(torch.einsum("tkd,td->tk", down, bench.x)) * gates
        return torch.einsum("tk,tkd->td", weights, up)

    def stage() -> Tensor:
        return expert_stage(bench.config, bench.params, bench.x, ids, gates)

    def library() -> Tensor:
        with library_operations():
            return stage()

    return {NAIVE: naive, "torch, with the core": stage, "torch, library operations": library}
