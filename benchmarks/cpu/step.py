"""A training step: forward pass, backward pass, and the update of all parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any, NamedTuple

import fbgemm
import torch
from points import Bench, Point, benches
from ratios import compared
from timing import in_turns
from torch import nn
from training import CORE, LIBRARY, PACKAGE, SPARSE, backward_pass, package_layer, project_layer, sparse_algorithm
from variants import layer

from peerspec.backends.torch import LazyAdam, RowAdagrad, RowSGD
from peerspec.backends.torch.kernels import library_operations

__all__ = ["POINTS", "VARIANTS", "available", "step", "turn"]

POINTS = [Point(1024, 256, tokens) for tokens in (64, 512, 2048)]
RATE = 1e-5
FBGEMM = "Algorithm 1, FBGEMM"
RIVALS = (PACKAGE, SPARSE, FBGEMM)
KINDS = ("SGD", "Adagrad", "Adam")

State = dict[str, dict[str, Any]]
Optimisers = list[torch.optim.Optimizer]


class Variant(NamedTuple):
    """A layer and its optimisers.

    Attributes:
        kind: one of ``KINDS``; a ratio compares steps of one kind.
        make: makes the layer on the tables of a bench.
        optimisers: makes the optimisers of its parameters.
    """

    kind: str
    make: Callable[[Bench], nn.Module]
    optimisers: Callable[[nn.Module], Optimisers]


def by(optimiser: Callable[..., Any], **options: Any) -> Callable[[nn.Module], Optimisers]:
    """One optimiser for all parameters."""
    return lambda module: [optimiser(module.parameters(), lr=RATE, **options)]


def apart(tables: Callable[..., Any], rest: Callable[..., Any]) -> Callable[[nn.Module], Optimisers]:
    """One optimiser for the tables, another for the other parameters."""

    def make(module: nn.Module) -> Optimisers:
        of_tables = [parameter for name, parameter in module.named_parameters() if name in ("u", "v")]
        others = [parameter for name, parameter in module.named_parameters() if name not in ("u", "v")]
        return [tables(of_tables, lr=RATE), rest(others, lr=RATE)]

    return make


def in_fbgemm(kind: str, rest: Callable[..., Any]) -> Variant:
    """FBGEMM updates the tables; ``rest`` updates the other parameters."""

    def others(module: nn.Module) -> Optimisers:
        retrieval: Any = module.retrieval
        return [rest([retrieval.query, retrieval.keys], lr=RATE)]

    return Variant(kind, lambda bench: fbgemm.TableBatched(layer(bench).requires_grad_(), kind, RATE), others)


SGD, Adagrad = partial(torch.optim.SGD, fused=True), torch.optim.Adagrad
Adam = partial(torch.optim.Adam, fused=True)

VARIANTS: dict[str, Variant] = {
    f"{CORE}: RowSGD": Variant("SGD", project_layer, by(RowSGD)),
    f"{CORE}: RowSGD in backward": Variant("SGD", project_layer, by(RowSGD, in_backward=True)),
    f"{CORE}: RowAdagrad in backward": Variant("Adagrad", project_layer, by(RowAdagrad, in_backward=True)),
    f"{CORE}: LazyAdam": Variant("Adam", project_layer, by(LazyAdam)),
    f"{CORE}: LazyAdam in backward": Variant("Adam", project_layer, by(LazyAdam, in_backward=True)),
    f"{LIBRARY}: RowSGD in backward": Variant("SGD", project_layer, by(RowSGD, in_backward=True)),
    f"{LIBRARY}: LazyAdam in backward": Variant("Adam", project_layer, by(LazyAdam, in_backward=True)),
    f"{PACKAGE}: SGD": Variant("SGD", package_layer, by(SGD)),
    f"{PACKAGE}: Adam": Variant("Adam", package_layer, by(Adam)),
    f"{SPARSE}: SGD": Variant("SGD", sparse_algorithm, apart(torch.optim.SGD, SGD)),
    f"{SPARSE}: Adagrad": Variant("Adagrad", sparse_algorithm, apart(Adagrad, Adagrad)),
    f"{SPARSE}: SparseAdam": Variant("Adam", sparse_algorithm, apart(torch.optim.SparseAdam, Adam)),
    f"{FBGEMM}: SGD in backward": in_fbgemm("SGD", SGD),
    f"{FBGEMM}: row-wise Adagrad in backward": in_fbgemm("Adagrad", Adagrad),
}


class Step:
    """Steps of one variant.

    Args:
        bench: the tokens to learn from, until ``take`` changes them.
        variant: the layer and its optimisers.
        core: whether it uses the native core.
    """

    def __init__(self, bench: Bench, variant: Variant, *, core: bool) -> None:
        self.module = variant.make(bench)
        self.optimisers = variant.optimisers(self.module)
        self._where = nullcontext if core else library_operations
        self.take(bench)

    def take(self, bench: Bench) -> None:
        """Learn from the tokens of this bench."""
        self._pass = backward_pass(self.module, bench)

    def __call__(self) -> None:
        """One step, and then the gradients are freed."""
        with self._where():
            self._pass()
            for optimiser in self.optimisers:
                optimiser.step()
        for optimiser in self.optimisers:
            optimiser.zero_grad()

    def use_state(self, state: State) -> None:
        """Use the same state as another optimiser of this kind: the memory does not hold two."""
        for name, parameter in self.module.named_parameters():
            self.optimisers[0].state[parameter] = state.setdefault(name, {})


def step(points: Sequence[Point], budget: float) -> Iterator[list[dict[str, object]]]:
    """The rows of each point, one kind of optimiser after the other: the memory does not hold the states of all."""
    for bench in benches(list(points)):
        rows = []
        for kind in KINDS:
            found = in_turns(turns(bench, kind), budget, advance=bench.advance)
            rivals = [name for name in found if name.startswith(RIVALS)]
            rows += compared(bench.point.as_row(), found, rivals, package=f"{PACKAGE}: {kind}")
        reason = fbgemm.unavailable_reason()
        absent = [name for name in VARIANTS if name.startswith(FBGEMM)] if reason else []
        yield rows + [{**bench.point.as_row(), "variant": name, "absent": reason} for name in absent]


def turn(bench: Bench, name: str) -> Step:
    """The step of the variant with this name."""
    return Step(bench, VARIANTS[name], core=not name.startswith(LIBRARY))


def available(name: str) -> bool:
    """Whether the variant can run here."""
    return not (name.startswith(FBGEMM) and fbgemm.unavailable_reason())


def turns(bench: Bench, kind: str) -> dict[str, Step]:
    """The steps of one kind."""
    moments: State = {}
    work = {name: turn(bench, name) for name, variant in VARIANTS.items() if variant.kind == kind and available(name)}
    for name, one in work.items():
        if "LazyAdam" in name:
            one.use_state(moments)
    return work
