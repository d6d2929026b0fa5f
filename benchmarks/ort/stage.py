"""The expert stage alone with its kernel, on random ids, and for comparison the time to read the same rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import sessions
import torch
from limits import bandwidth, gathers, moved
from points import HEADS, TOP_K, Point, benches
from timing import in_turns

__all__ = ["stage"]


def stage(points: Sequence[Point], budget: float) -> Iterator[list[dict[str, object]]]:
    """The rows of each point."""
    for bench in benches(list(points)):
        ids, gates = (pairs.numpy().reshape(-1, HEADS, TOP_K) for pairs in bench.pairs)
        u, v = (bench.params[f"experts.{name}"].numpy() for name in "uv")
        given = {"x": bench.x.numpy(), "indices": ids, "gates": gates, "u": u, "v": v}
        y = np.empty((bench.point.tokens, bench.point.d_model), np.float32)
        kernel = sessions.bound(sessions.expert_stage_model(bench.point), given, {"y": y})
        with torch.inference_mode():
            found = in_turns({"ExpertStage, native kernel": kernel, **gathers(bench)}, budget)
        limit = bandwidth(bench, found)
        rates = {name: moved(bench.point) / taken.median for name, taken in found.items()}
        yield [
            {
                **bench.point.as_row(),
                "variant": name,
                **taken.as_row(),
                "bytes_per_second": rates[name],
                "of_limit": rates[name] / limit,
            }
            for name, taken in found.items()
        ]
