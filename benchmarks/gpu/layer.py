"""The whole layer: forward, backward, and a training step, beside its rivals; memory; and the cost of more experts."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import torch
from book import Row
from clock import Work, failures, graphed, in_turns
from rivals import Algorithm1, Dense, package_layer
from sizes import Point, Sizes, config_of
from torch import Tensor, nn

from peerspec.backends.torch import PEER, LazyAdam, RowSGD
from peerspec.backends.torch.kernels import library_operations

__all__ = ["passes", "scaling", "steps"]

OURS = "peerspec"
LEARNING = ("Algorithm 1", "Algorithm 1, embedding_bag", "dense, equal FLOPs")
RATE = 1e-3


def passes(sizes: Sizes, point: Point, *, compiled: bool) -> Iterator[Row]:
    """Forward, and forward with backward, in turns; for one token in a CUDA graph as well."""
    module = layer_of(sizes, point)
    x = torch.randn(point.tokens, point.width, device=sizes.device, dtype=point.dtype)
    rivals = {
        "Algorithm 1": Algorithm1(module),
        "Algorithm 1, embedding_bag": Algorithm1(module, bag=True),
        "dense, equal FLOPs": dense_of(sizes, point),
    }
    if compiled:
        rivals["Algorithm 1, torch.compile"] = torch.compile(rivals["Algorithm 1"], dynamic=False)
    if find_spec("PEER_pytorch"):
        rivals["PEER-pytorch"] = InBatch(package_layer(module))
    forward = {OURS: without_gradients(module, x)} | {
        name: without_gradients(rival, x) for name, rival in rivals.items()
    }
    failed = failures({name: forward[name] for name in rivals})
    forward = {name: work for name, work in forward.items() if name not in failed}
    forward["peerspec, library operations"] = by_library(forward[OURS])
    if point.tokens == 1:
        forward["peerspec, CUDA graph"] = graphed(forward[OURS])
    yield from rows("forward", point, in_turns(forward))
    extra = memory(forward[OURS], sizes)
    if extra is not None:
        yield {"what": "memory at the peak, forward", **point.facts, "variant": OURS, "MB": extra / 1e6}
    if point.tokens > 1:
        others = {name: with_gradients(rivals[name], x) for name in LEARNING}
        slow = failures(others)
        both = {OURS: with_gradients(module, x)} | {name: work for name, work in others.items() if name not in slow}
        yield from rows("forward and backward", point, in_turns(both, rounds=5))
        failed |= {f"{name}, backward": words for name, words in slow.items()}
    yield from ({"failed": words} for words in failed.values())


def steps(sizes: Sizes, point: Point) -> Iterator[Row]:
    """A training step: forward, backward and the update of all tables, beside sparse embeddings."""
    x = torch.randn(point.tokens, point.width, device=sizes.device, dtype=point.dtype)
    optimisers: dict[str, tuple[Any, Any]] = {"SGD": (RowSGD, torch.optim.SGD)}
    if point.dtype == torch.float32:
        optimisers["Adam"] = (LazyAdam, torch.optim.SparseAdam)
    for name, (ours, theirs) in optimisers.items():
        found = {}
        for variant in (OURS, "Algorithm 1, sparse embeddings"):
            module = layer_of(sizes, point)
            module.sparse_gradients = True
            tables = [module.get_parameter(f"experts.{part}") for part in "uv"]
            others = [p for p in module.parameters() if all(p is not table for table in tables)]
            if variant == OURS:
                optimiser, work = ours(tables, lr=RATE, in_backward=True), module
            else:
                optimiser, work = theirs(tables, lr=RATE), Algorithm1(module, bag=True, sparse=True)
            found |= in_turns({variant: step_of(work, x, optimiser, torch.optim.SGD(others, lr=RATE))}, rounds=5)
            del module, tables, others, optimiser, work
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
        yield from rows(f"step, {name}", point, found)


def scaling(sizes: Sizes) -> Iterator[Row]:
    """Forward of the largest batch of narrow tokens, over the number of experts."""
    for experts in sizes.scaling:
        point = Point(max(sizes.tokens), min(sizes.widths), torch.bfloat16, experts)
        module = layer_of(sizes, point)
        x = torch.randn(point.tokens, point.width, device=sizes.device, dtype=point.dtype)
        yield from rows("forward over experts", point, in_turns({OURS: without_gradients(module, x)}))
        del module


def rows(what: str, point: Point, found: dict[str, float]) -> Iterator[Row]:
    """Milliseconds, and how many times as long each variant takes as ours."""
    for variant, ms in found.items():
        yield {"what": what, **point.facts, "variant": variant, "ms": ms, "times ours": ms / found[OURS]}


def layer_of(sizes: Sizes, point: Point) -> PEER:
    return PEER(config_of(sizes, point), device=sizes.device, dtype=point.dtype)


def dense_of(sizes: Sizes, point: Point) -> Dense:
    return Dense(config_of(sizes, point), device=sizes.device, dtype=point.dtype)


def without_gradients(module: nn.Module, x: Tensor) -> Work:
    def work() -> Tensor:
        with torch.no_grad():
            return module(x)

    return work


def with_gradients(module: nn.Module, x: Tensor) -> Work:
    tokens, parameters = x.clone().requires_grad_(), list(module.parameters())
    dy = torch.randn_like(x)

    def work() -> object:
        return torch.autograd.grad(module(tokens), [tokens, *parameters], dy)

    return work


def step_of(module: nn.Module, x: Tensor, *optimisers: torch.optim.Optimizer) -> Work:
    dy = 1e-3 * torch.randn_like(x)

    def work() -> None:
        module(x).backward(dy)
        for optimiser in optimisers:
            optimiser.step()
            optimiser.zero_grad()

    return work


def by_library(work: Work) -> Work:
    def other() -> object:
        with library_operations():
            return work()

    return other


def memory(work: Work, sizes: Sizes) -> int | None:
    """Bytes that the work takes at its peak, its result included; None where there is no GPU."""
    if sizes.device == "cpu":
        return None
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    work()
    torch.cuda.synchronize()
    return torch.cuda.max_memory_allocated() - before


class InBatch(nn.Module):
    """A module that wants a batch of sequences, on tokens."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Tensor) -> Tensor:
        return self.module(x[None])[0]
