"""The time of a call with one token, as in serving, and the part of it that ONNX Runtime needs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import sessions
from call import many
from points import Bench, Point, benches
from sessions import THREADS, Run
from timing import in_turns
from whole import by_bodies, by_kernels

from peerspec import native

__all__ = ["latency"]

TURNS = 200
"""Calls in a turn: the time of a single call is shorter than the disturbances of the machine."""
BOUND, EMPTY = "native kernel, bound", "an empty model, bound"


def latency(points: Sequence[Point], budget: float) -> Iterator[list[dict[str, object]]]:
    """The rows of each width."""
    for bench in benches(list(points)):
        work = {
            BOUND: by_kernels(bench),
            "native kernel, run()": by_run(bench),
            "bodies, bound": by_bodies(bench),
            "the core, from Python": by_core(bench),
            EMPTY: nothing(bench),
        }
        found = in_turns({name: many(run, TURNS) for name, run in work.items()}, budget)
        kernel = found[BOUND].median - found[EMPTY].median
        yield [
            {
                **bench.point.as_row(),
                "variant": name,
                **{key: value if key == "rounds" else value / TURNS for key, value in taken.as_row().items()},
                **({"overhead": 1 - kernel / taken.median} if name.startswith("native kernel") else {}),
            }
            for name, taken in found.items()
        ]


def by_core(bench: Bench) -> Run:
    arrays = {name: tensor.numpy() for name, tensor in bench.params.items()}
    router = native.RouterTables(arrays["query.weight"], arrays["keys"], bench.config.top_k)
    experts = native.ExpertTables(arrays["experts.u"], arrays["experts.v"], activation=bench.config.activation)
    return lambda: native.forward(router, experts, bench.x.numpy(), threads=THREADS)


def by_run(bench: Bench) -> Run:
    """A call as in most programs, with ``run()``; the parameters are inputs of this model."""
    made, arrays = sessions.layer(bench.point, kernels=True), sessions.given(bench)
    return lambda: made.run(["y"], arrays)


def nothing(bench: Bench) -> Run:
    made = sessions.identity(bench.point.d_model)
    return sessions.bound(made, {"x": bench.x.numpy()}, {})
