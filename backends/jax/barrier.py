"""The typed form of JAX's optimization barrier: what goes in is computed before what comes out is used."""

from __future__ import annotations

from typing import TypeVar

import jax

__all__ = ["barrier"]

Tree = TypeVar("Tree")


def barrier(values: Tree) -> Tree:
    """``values`` unchanged; XLA moves and merges no operation across."""
    result: Tree = jax.lax.optimization_barrier(values)  # type: ignore[no-untyped-call]  # not annotated
    return result
