"""Selection alone: from 2 × n half scores to the k best experts of each row."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch
from points import HEADS, TOP_K
from timing import in_turns
from torch import Tensor

from peerspec import native
from peerspec.backends.torch.kernels import library_operations
from peerspec.backends.torch.selection import select

__all__ = ["selection"]

BASELINE = "torch.topk of both halves"


def selection(budget: float, *, tokens: int = 128) -> Iterator[list[dict[str, object]]]:
    """The rows for n = 128 and 1024, for so few tokens that a cache holds their half scores."""
    for n in (128, 1024):
        s1, s2 = torch.randn(2, tokens * HEADS, n, generator=torch.Generator().manual_seed(0))

        def library(s1: Tensor = s1, s2: Tensor = s2) -> object:
            with library_operations():
                return select(s1, s2, TOP_K)

        variants = {
            BASELINE: lambda s1=s1, s2=s2: (s1.topk(TOP_K), s2.topk(TOP_K)),
            "torch, with the core": lambda s1=s1, s2=s2: select(s1, s2, TOP_K),
            "torch, library operations": library,
            **{f"the core, {isa}": partial(_by_core, s1, s2, isa) for isa in _usable()},
        }
        with torch.inference_mode():
            found = in_turns(variants, budget)
        yield [
            {"n": n, "rows": len(s1), "variant": name, **q.as_row(), "speed": found[BASELINE].median / q.median}
            for name, q in found.items()
        ]


def _usable() -> tuple[str, ...]:
    """The instruction sets of the core that this processor has."""
    return native.ISAS[: native.ISAS.index(native.best_isa()) + 1]


def _by_core(s1: Tensor, s2: Tensor, isa: str) -> object:
    return native.select(s1.numpy(), s2.numpy(), TOP_K, threads=torch.get_num_threads(), isa=isa)
