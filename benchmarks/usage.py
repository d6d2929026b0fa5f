"""What observing the usage of experts adds to a training step.

    python benchmarks/usage.py [--rounds 100]

Each round takes one step with ``Usage`` attached and one without, in random order and on new tokens, so other work on
the machine slows both alike: the ratios stand, and the milliseconds do not. "the addition alone" is the time of
``UsageSums.add`` of such a routing against that of a step, which varies less. Gradients are sparse, and the tables are
updated within the backward pass: these are the fastest steps of the package, so the share is the largest.
"""

from __future__ import annotations

import argparse
import os
import random
import time
from collections.abc import Callable

# otherwise waiting threads of torch keep the processors busy that the native core needs
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import torch

from peerspec.backends.torch import PEER, LazyAdam, PeerConfig, RowAdagrad, Usage

EXPERTS = (2**16, 2**20)
TOKENS, WIDTH, HEADS, TOP_K, D_KEY = 512, 256, 8, 16, 128
OPTIMISERS = {"RowAdagrad": RowAdagrad, "LazyAdam": LazyAdam}
WARM_UP = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=100, help="pairs of steps at each size (default 100)")
    rounds = parser.parse_args().rounds
    torch.manual_seed(0)
    print(f"T = {TOKENS}, D = {WIDTH}, h = {HEADS}, k = {TOP_K}, {rounds} rounds")
    print(f"{'':22}  {'with / without':>26}  {'the addition alone':>18}  {'a step':>9}")
    for experts in EXPERTS:
        layer = PEER(PeerConfig(WIDTH, HEADS, experts, TOP_K, D_KEY), sparse_gradients=True)
        for name, make in OPTIMISERS.items():
            optimiser = make(layer.parameters(), lr=1e-5, in_backward=True)
            print(f"N = 2^{experts.bit_length() - 1}, {name:12}", measured(layer, optimiser, rounds))


def measured(layer: PEER, optimiser: torch.optim.Optimizer, rounds: int) -> str:
    """One line: the median ratio of a round with its quartiles, the share of the addition, and the time of a step."""
    usage = Usage(layer, mode="training")
    for _ in range(WARM_UP):
        one_round(layer, optimiser)
    taken = np.array([one_round(layer, optimiser) for _ in range(rounds)])
    low, ratio, high = np.quantile(taken[:, 0] / taken[:, 1], [0.25, 0.5, 0.75])
    step = np.median(taken[:, 1])
    alone = np.median([seconds_of_addition(usage) for _ in range(rounds)])
    usage.detach()
    return f"  {ratio:8.3f} ({low:.3f} … {high:.3f})  {alone / step:18.2%}  {1e3 * step:6.1f} ms"


def one_round(layer: PEER, optimiser: torch.optim.Optimizer) -> tuple[float, float]:
    """The seconds of a step with an observer, and of one without; it observes in training mode alone."""
    found = {}
    for observed in random.sample((True, False), 2):
        layer.train(observed)
        found[observed] = seconds_of_step(layer, optimiser)
    return found[True], found[False]


def seconds_of_step(layer: PEER, optimiser: torch.optim.Optimizer) -> float:
    """A forward and backward pass and the update of all parameters, on new tokens."""
    x, dy = torch.randn(TOKENS, WIDTH, requires_grad=True), torch.randn(TOKENS, WIDTH)

    def step() -> None:
        layer(x).backward(dy)
        optimiser.step()
        optimiser.zero_grad()

    return seconds(step)


def seconds_of_addition(usage: Usage) -> float:
    """Adding the routing of new tokens, after a pass that has filled the caches with other rows."""
    usage.layer.eval()
    with torch.no_grad():
        routing = usage.layer.forward_with_routing(torch.randn(TOKENS, WIDTH))
    return seconds(lambda: usage.add(routing.indices, routing.gates))


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
