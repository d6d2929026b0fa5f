"""JAX's optimization barrier, typed: its inputs are computed before its outputs are used."""

from __future__ import annotations

from typing import TypeVar

import jax

__all__ = ["barrier"]

Tree = TypeVar("Tree")


def barrier(values: Tree) -> Tree:
    """``values`` unchanged; XLA neither moves nor fuses operations across the barrier."""
    result: Tree = jax.lax.optimization_barrier(values)  # type: ignore[no-untyped-call]  # not annotated
    return result
