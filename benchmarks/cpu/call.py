"""What a call of the torch module adds to the function of the core, on few tokens, as in a loop that decodes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from points import Bench, Point, benches
from timing import in_turns
from variants import layer

from peerspec import native

__all__ = ["POINTS", "call"]

POINTS = [Point(1024, 256, tokens) for tokens in (1, 64)]
CORE = "the core, prepared"
SECONDS_OF_A_TURN = 0.02
"""One call is shorter than the disturbances of the machine."""


def call(points: Sequence[Point], budget: float) -> Iterator[list[dict[str, object]]]:
    """The rows of each point."""
    for bench in benches(list(points)):
        calls = {CORE: by_core(bench), "torch module": by_module(bench), "the core, from Python": from_python(bench)}
        with torch.inference_mode():
            once = in_turns({CORE: calls[CORE]}, 0.5)[CORE].warm
            count = max(1, round(SECONDS_OF_A_TURN / once))
            found = in_turns({name: many(one, count) for name, one in calls.items()}, budget)
        yield [
            {
                **bench.point.as_row(),
                "variant": name,
                **{key: value if key == "rounds" else value / count for key, value in taken.as_row().items()},
                "times_core": taken.median / found[CORE].median,
            }
            for name, taken in found.items()
        ]


def many(one: Callable[[], object], count: int) -> Callable[[], None]:
    def turn() -> None:
        for _ in range(count):
            one()

    return turn


def tables(bench: Bench) -> tuple[native.RouterTables, native.ExpertTables]:
    c, arrays = bench.config, {name: tensor.numpy() for name, tensor in bench.params.items()}
    return (
        native.RouterTables(arrays["query.weight"], arrays["keys"], c.top_k),
        native.ExpertTables(arrays["experts.u"], arrays["experts.v"], activation=c.activation),
    )


def by_core(bench: Bench) -> Callable[[], object]:
    """The C function, with everything prepared that does not depend on the tokens."""
    prepared, threads = native.prepare(*tables(bench)), torch.get_num_threads()
    pairs = (bench.point.tokens, bench.config.heads, bench.config.top_k)
    y = torch.empty(bench.point.tokens, bench.config.d_out)
    scores, ids, gates = (torch.empty(pairs, dtype=dtype) for dtype in (torch.float32, torch.int64, torch.float32))
    outputs = y.data_ptr(), scores.data_ptr(), ids.data_ptr(), gates.data_ptr()

    def one(_: object = (y, scores, ids, gates)) -> None:
        native.forward_at(prepared, len(bench.x), bench.x.data_ptr(), outputs, threads=threads)

    return one


def by_module(bench: Bench) -> Callable[[], object]:
    module = layer(bench)
    return lambda: module(bench.x)


def from_python(bench: Bench) -> Callable[[], object]:
    router, experts = tables(bench)
    threads = torch.get_num_threads()
    return lambda: native.forward(router, experts, bench.x.numpy(), threads=threads)
