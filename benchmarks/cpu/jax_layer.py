"""The compiled layer in JAX, on the tables of a bench, with one thread for each processor of the process."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import jax
import torch
from points import Bench
from variants import Work

from peerspec.backends.jax import forward, library_operations

__all__ = ["library", "with_core"]


def with_core(bench: Bench) -> Work:
    return _compiled(bench, nullcontext)


def library(bench: Bench) -> Work:
    return _compiled(bench, library_operations)


def _compiled(bench: Bench, context: Callable[[], AbstractContextManager[None]]) -> Work:
    params = {name: jax.dlpack.from_dlpack(tensor) for name, tensor in bench.params.items()}
    batches, config = [jax.dlpack.from_dlpack(x) for x in bench.batches], bench.config
    layer = jax.jit(lambda params, x: forward(config, params, x).y)

    def work() -> torch.Tensor:
        with context():
            return torch.from_dlpack(layer(params, batches[bench.batch]).block_until_ready())

    return work
