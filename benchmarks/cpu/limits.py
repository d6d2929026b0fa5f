"""The limits of the machine, measured in the same run: the rates of reading random rows and of multiply-adds.

The minimal time of a forward pass is that of T·K·D·8 bytes at the first rate plus that of 2T(D·h·d + h·n·d) operations
at the second.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from machine import peak, read_rows
from points import Bench, Point
from timing import Quartiles, Variants, in_turns

from peerspec import native
from peerspec.reference.cost import cost

__all__ = ["Limits", "bandwidth", "gathers", "limits", "moved", "products"]

BLOCK = 64
"""Tokens per turn between the tables: 8,192 rows of each, so that the time of two calls does not matter."""


def moved(point: Point) -> int:
    """The bytes of the rows that one forward pass reads."""
    return cost(point.config).bytes_per_token * point.tokens


def products(point: Point) -> int:
    """The operations of the products of queries and half scores."""
    c = point.config
    return 2 * point.tokens * c.heads * c.d_key * (c.d_model + c.n)


def gathers(bench: Bench) -> Variants:
    """Ways to read the rows of random experts from both tables and only add them.

    They read both tables for a block of tokens before the next block. The expert stage must do so, because it needs all
    of u·x of a token before its first row of v. Reading one whole table after the other would need the cache for one
    table only: at N = 2¹⁴ and D = 256, 32 MiB hold one table and not two.
    """
    ids, gates = (pairs.split(BLOCK) for pairs in bench.pairs)
    tables = [bench.params[f"experts.{name}"] for name in "uv"]
    arrays = [table.numpy() for table in tables]
    threads = torch.get_num_threads()

    def by_core() -> None:
        for some, weights in zip(ids, gates, strict=True):
            for array in arrays:
                native.gather_sum(array, some.numpy(), weights.numpy(), threads=threads)

    def by_torch() -> None:
        for some, weights in zip(ids, gates, strict=True):
            for table in tables:
                torch.nn.functional.embedding_bag(some, table, per_sample_weights=weights, mode="sum")

    def by_machine() -> None:
        read_rows(*arrays, bench.pairs[0].numpy(), threads=threads)

    return {"gather, core": by_core, "gather, embedding_bag": by_torch, "gather, reading only": by_machine}


def bandwidth(bench: Bench, found: dict[str, Quartiles]) -> float:
    """The bytes per second of the fastest gather."""
    return moved(bench.point) / min(found[name].median for name in found if name.startswith("gather"))


@dataclass(frozen=True)
class Limits:
    """Bytes and operations per second."""

    bandwidth: float
    rate: float

    def min_seconds(self, point: Point) -> float:
        """The minimal time of a forward pass that reads and computes in turn."""
        return moved(point) / self.bandwidth + products(point) / self.rate


def limits(bench: Bench, budget: float) -> Limits:
    """Both rates: of the fastest gather at the sizes of the bench, and of multiply-adds from registers."""
    found = in_turns(gathers(bench), budget)
    return Limits(bandwidth(bench, found), peak(native.best_isa(), torch.get_num_threads()))
