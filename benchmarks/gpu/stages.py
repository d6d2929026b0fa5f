"""The time of each kernel, beside the time that the bytes it must move take at the measured bandwidth."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from book import Row
from clock import Work, in_turns
from sizes import Point, Sizes, config_of

from peerspec.backends.torch import PEER
from peerspec.backends.torch.gpu.retrieval import launch_selection
from peerspec.backends.torch.table_gradients import table_gradients
from peerspec.backends.torch.touched import touched_rows

__all__ = ["stages"]

ROWS_IN_TURNS = 1 << 28
MOST_TURNS = 512
"""Sets of ids take turns, so that no cache holds the rows of the one before: 256 MiB of rows, or as many sets."""


def stages(sizes: Sizes, point: Point, bandwidth: float, rate: float) -> Iterator[Row]:
    """Query, retrieval, selection, the expert stage and its gradients, sorting, and the gradient of a table.

    Args:
        bandwidth: bytes in a millisecond, of a copy.
        rate: operations in a millisecond, of a product in the dtype of the point.
    """
    found = Stages(sizes, point)
    works, floors, products = found.works(), found.floors(), found.products()
    with torch.no_grad():
        for name, ms in in_turns(works).items():
            floor = max(floors[name] / bandwidth, products.get(name, 0) / rate)
            yield {"what": name, **point.facts, "ms": ms, "floor": floor, "share of floor": floor / ms}


class Stages:
    """The stages of one layer on one batch, as functions without arguments."""

    def __init__(self, sizes: Sizes, point: Point) -> None:
        self.sizes, self.point = sizes, point
        self.layer = PEER(config_of(sizes, point), device=sizes.device, dtype=point.dtype)
        self.query, self.keys, self.u, self.v = (
            self.layer.get_parameter(name) for name in ("query.weight", "keys", "experts.u", "experts.v")
        )
        shape = (point.tokens, point.width)
        self.x, self.dy = (torch.randn(shape, device=sizes.device) for _ in range(2))
        self.x = self.x.to(point.dtype).float()
        pairs = (point.tokens, sizes.pairs)
        turns = ROWS_IN_TURNS // (point.tokens * sizes.pairs * point.width * self.u.element_size())
        turns = max(4, min(MOST_TURNS, turns)) if sizes.device != "cpu" else 2
        self.ids = [torch.randint(point.experts, pairs, device=sizes.device) for _ in range(turns)]
        self.gates = torch.rand(pairs, device=sizes.device)
        self.turn = 0

    def works(self) -> dict[str, Work]:
        operators, narrow = torch.ops.peerspec, self.point.dtype != torch.float32
        q = operators.query(self.x, self.query, None, narrow)
        scores, chosen = operators.retrieve(q, self.keys, self.sizes.top_k)
        halves = torch.randn(1, 2, q.shape[0] * q.shape[1], self.keys.shape[2], device=q.device)
        tables = self.u, self.v, None
        products = operators.expert_stage(*tables, self.x, self.ids[0], self.gates, "gelu")[1]
        touched = touched_rows(self.ids[0], self.point.experts)
        return {
            "query": lambda: operators.query(self.x, self.query, None, narrow),
            "retrieval": lambda: operators.retrieve(q, self.keys, self.sizes.top_k),
            "selection": lambda: launch_selection(halves, self.sizes.top_k, scores, chosen),
            "expert stage": lambda: operators.expert_stage(*tables, self.x, self._ids(), self.gates, "gelu"),
            "its gradients": lambda: operators.expert_stage_backward(
                *tables, self.x, self._ids(), self.gates, products, self.dy, "gelu", True
            ),
            "gradients of queries and sub-keys": lambda: operators.retrieve_backward(q, self.keys, chosen, scores),
            "sorting": lambda: touched_rows(self._ids(), self.point.experts),
            "gradient of a table, dense": lambda: table_gradients(
                [self.u], self._ids(), [self.gates], [self.x], sparse=False
            ),
            "sums of touched rows": lambda: operators.scatter_sum(*touched, self.gates, self.x),
        }

    def floors(self) -> dict[str, float]:
        """Bytes: each input read once, each output written once, and a row for each pair that selects it."""
        p, s = self.point, self.sizes
        size, pairs = self.u.element_size(), p.tokens * s.pairs
        rows, n = pairs * p.width * size, self.keys.shape[2]
        x, q = 4 * p.tokens * p.width, 4 * p.tokens * s.heads * s.d_key
        halves, routing = 8 * p.tokens * s.heads * n, 12 * pairs
        distinct = p.experts * (1 - (1 - 1 / p.experts) ** pairs)
        return {
            "query": x + self.query.numel() * size + q,
            "retrieval": q + self.keys.numel() * size + routing,
            "selection": halves + routing,
            "expert stage": 2 * rows + 2 * x + 16 * pairs,
            "its gradients": 2 * rows + 2 * x + 28 * pairs,
            "gradients of queries and sub-keys": 2 * q + 2 * self.keys.numel() * size + routing,
            "sorting": 28 * pairs,
            "gradient of a table, dense": self.u.numel() * size + x + 12 * pairs,
            "sums of touched rows": x + 4 * distinct * p.width + 24 * pairs,
        }

    def products(self) -> dict[str, float]:
        """Operations of the stages that make products of matrices: multiplications and additions."""
        p, s = self.point, self.sizes
        half_scores = 2 * p.tokens * s.heads * s.d_key * self.keys.shape[2]
        thrice = 3 if p.dtype == torch.bfloat16 else 1
        return {"query": 2 * p.tokens * self.query.numel(), "retrieval": thrice * half_scores}

    def _ids(self) -> torch.Tensor:
        self.turn += 1
        return self.ids[self.turn % len(self.ids)]
