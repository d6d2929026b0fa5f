"""Measures a training step in JAX over the number of experts: updates of touched rows, and of all rows by Optax.

    python benchmarks/cpu/jax_step.py [--min-exponent 12] [--max-exponent 20] [--steps 5] [--write]

T = 512, D = 256, h = 8, k = 16, float32; forward pass, gradients and update in one compiled function with donated
arguments. The variants run one after the other, each with its own parameters and state. ``--write`` adds the figures to
benchmarks/results/cpu.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from results import machine, write

from peerspec.backends.jax import forward, optim
from peerspec.reference import PeerConfig

TOKENS, WIDTH = 512, 256
REST = optax.sgd(1e-3)
VARIANTS: dict[str, tuple[Callable[..., Any], Any]] = {
    "row_sgd": (optim.value_and_grad, optim.row_sgd(1e-3)),
    "row_adagrad": (optim.value_and_grad, optim.row_adagrad(1e-3)),
    "lazy_adam": (optim.value_and_grad, optim.lazy_adam(1e-3)),
    "optax.sgd": (jax.value_and_grad, optax.sgd(1e-3)),
    "optax.adam": (jax.value_and_grad, optax.adam(1e-3)),
}
RESULTS = Path(__file__).parents[1] / "results" / "cpu"


def parameters(config: PeerConfig) -> dict[str, jax.Array]:
    """Parameters whose tables repeat a block of random numbers, which is fast to make."""
    random, params = np.random.default_rng(0), {}
    for name, shape in config.shapes().items():
        rows = random.standard_normal((min(shape[0], 4096), *shape[1:]), np.float32) * shape[-1] ** -0.5
        params[name] = jnp.tile(rows, (shape[0] // len(rows), *(1 for _ in shape[1:])))
    return params


def seconds(config: PeerConfig, variant: str, steps: int) -> tuple[float, float]:
    """The median seconds of one step, and the bytes that the compiled step needs in addition to its arguments."""
    differentiated, kind = VARIANTS[variant]
    optimiser = optax.partition({"tables": kind, "rest": REST}, optim.labels)

    @partial(jax.jit, donate_argnums=(0, 1))
    def step(params: Any, state: Any, x: jax.Array) -> tuple[Any, Any]:
        _, gradients = differentiated(lambda params: (forward(config, params, x).y ** 2).mean())(params)
        updates, state = optimiser.update(gradients, state, params)
        return optax.apply_updates(params, updates), state

    params, x = parameters(config), jax.random.normal(jax.random.key(1), (TOKENS, WIDTH))
    state, taken = optimiser.init(params), []
    extra = step.lower(params, state, x).compile().memory_analysis().temp_size_in_bytes
    for _ in range(steps + 1):
        start = time.perf_counter()
        params, state = jax.block_until_ready(step(params, state, x))
        taken.append(time.perf_counter() - start)
    return float(np.median(taken[1:])), float(extra)


def rows(config: PeerConfig, steps: int) -> Iterator[dict[str, Any]]:
    for variant in VARIANTS:
        median, extra = seconds(config, variant, steps)
        yield {
            **{"N": config.num_experts, "D": WIDTH, "T": TOKENS, "variant": variant},
            **{"median": median, "rounds": steps, "bytes_beyond": extra},
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--min-exponent", type=int, default=12, help="log₂ of the smallest N, even")
    parser.add_argument("--max-exponent", type=int, default=20, help="log₂ of the greatest N")
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    print(f"{'':8}" + "".join(f"{variant:>22}" for variant in VARIANTS), flush=True)
    first: dict[str, float] = {}
    for exponent in range(options.min_exponent, options.max_exponent + 1, 4):
        found = list(rows(PeerConfig(WIDTH, 8, 2**exponent, 16, 128), options.steps))
        for row in found:
            first.setdefault(row["variant"], row["median"])
        cells = (f"{row['median'] * 1e3:.0f} ms ×{row['median'] / first[row['variant']]:.2f}" for row in found)
        print(f"N = 2^{exponent:<2}" + "".join(f"{cell:>22}" for cell in cells), flush=True)
        if options.write:
            write(RESULTS, "jax_step", found, machine())


if __name__ == "__main__":
    main()
