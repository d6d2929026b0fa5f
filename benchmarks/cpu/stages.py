"""Each stage of a forward pass alone, beside its limit: multiplications per second, or bytes of random rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from call import tables
from limits import Limits, bandwidth, gathers, moved
from machine import peak
from points import Bench, Point, benches
from timing import Variants, in_turns

from peerspec import native

__all__ = ["POINTS", "stages"]

POINTS = [Point(1024, d_model, 512) for d_model in (256, 1024)]
QUERIES, RETRIEVAL, EXPERTS = "queries", "half scores and selection", "experts"


def stages(points: Sequence[Point], budget: float) -> Iterator[list[dict[str, object]]]:
    """The rows of each point: seconds, operations, bytes, both limits of the machine, and the share of its own."""
    for bench in benches(list(points)):
        stages = work(bench)
        found = in_turns({**stages, **gathers(bench)}, budget, advance=bench.advance)
        machine = Limits(bandwidth(bench, found), peak(native.best_isa(), torch.get_num_threads()))
        yield [
            {
                **bench.point.as_row(),
                **{"variant": name, **found[name].as_row(), **needs(bench)[name]},
                "of_limit": least_seconds(name, bench, machine) / found[name].median,
                **{"bytes_per_second": machine.bandwidth, "operations_per_second": machine.rate},
            }
            for name in stages
        ]


def needs(bench: Bench) -> dict[str, dict[str, int]]:
    """Floating-point operations of each stage, and bytes that it reads or writes at least once."""
    c, tokens = bench.config, bench.point.tokens
    queries = 4 * tokens * c.heads * c.d_key
    return {
        QUERIES: {
            "operations": 2 * tokens * c.heads * c.d_key * c.d_model,
            "bytes": bench.params["query.weight"].nbytes + bench.x.nbytes + queries,
        },
        RETRIEVAL: {
            "operations": 2 * tokens * c.heads * c.d_key * c.n,
            "bytes": bench.params["keys"].nbytes + queries,
        },
        EXPERTS: {"operations": 4 * tokens * c.heads * c.top_k * c.d_model, "bytes": moved(bench.point)},
    }


def least_seconds(name: str, bench: Bench, machine: Limits) -> float:
    """The seconds of a stage by its limit: products multiply, and experts are read."""
    need = needs(bench)[name]
    return need["bytes"] / machine.bandwidth if name == EXPERTS else need["operations"] / machine.rate


def work(bench: Bench) -> Variants:
    """The stages as functions of one turn."""
    router, experts = tables(bench)
    threads = torch.get_num_threads()
    queries = [native.query(router, x.numpy(), threads=threads) for x in bench.batches]
    ids, gates = (pairs.numpy() for pairs in bench.pairs)
    return {
        QUERIES: lambda: native.query(router, bench.x.numpy(), threads=threads),
        RETRIEVAL: lambda: native.retrieve(router, queries[bench.batch], threads=threads),
        EXPERTS: lambda: native.expert_stage(experts, bench.x.numpy(), ids, gates, threads=threads),
    }
