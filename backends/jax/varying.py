"""The mesh axes over which an array varies inside ``jax.shard_map``: what a foreign call does not learn by itself.

Arguments of one call must vary over the same axes. ``agreed`` makes them, and its transpose sums gradients over the
axes that it added.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
from jax.sharding import NamedSharding, PartitionSpec

__all__ = ["agreed", "axes_of", "like_arguments", "result", "zeros"]

Tree = TypeVar("Tree")


def agreed(tree: Tree) -> Tree:
    """All arrays of the tree, varying over every axis over which one of them does."""
    axes = frozenset[str]().union(*(_axes(leaf) for leaf in jax.tree.leaves(tree)))
    if not axes:
        return tree
    found: Tree = jax.tree.map(lambda array: _cast(array, axes), tree)
    return found


def like_arguments(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, with results that vary over the axes of its arguments, also where they depend on none."""

    def run(*arguments: Any) -> Any:
        leaves = jax.tree.leaves(arguments)
        axes = frozenset[str]().union(*(_axes(leaf) for leaf in leaves))
        return jax.tree.map(lambda array: _cast(array, axes), function(*arguments)) if axes else function(*arguments)

    return run


def result(shape: tuple[int, ...], dtype: Any, like: Any) -> jax.ShapeDtypeStruct:
    """The type of a result that varies over the axes of ``like``."""
    make: Any = jax.ShapeDtypeStruct
    struct: jax.ShapeDtypeStruct = make(shape, dtype, **axes_of(like, len(shape)))
    return struct


def zeros(shape: tuple[int, ...], dtype: Any, like: jax.Array) -> jax.Array:
    """Zeros that vary over the axes of ``like``."""
    return _cast(jnp.zeros(shape, dtype), _axes(like))


def _cast(array: jax.Array, axes: frozenset[str]) -> jax.Array:
    missing = tuple(sorted(axes - _axes(array)))
    if not missing:
        return array
    cast: Any = jax.lax
    return cast.pcast(array, missing, to="varying") if hasattr(cast, "pcast") else cast.pvary(array, missing)


def _axes(array: Any) -> frozenset[str]:
    return _varying(jax.typeof(array))


def _varying(kind: Any) -> frozenset[str]:
    found: frozenset[str] = kind.mat.varying if hasattr(kind, "mat") else getattr(kind, "vma", frozenset())
    return found


def axes_of(like: Any, rank: int) -> dict[str, Any]:
    """The axes of an array or of its type, as arguments of a type of this rank; their name has changed once."""
    kind: Any = like if isinstance(like, jax.core.ShapedArray) else jax.typeof(like)
    if not _varying(kind):
        return {}
    if not hasattr(kind, "mat"):
        return {"vma": kind.vma}
    whole = NamedSharding(kind.sharding.mesh, PartitionSpec(*[None] * rank))  # type: ignore[no-untyped-call]  # not annotated
    return {"manual_axis_type": kind.mat, "sharding": whole}
