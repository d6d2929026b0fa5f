"""The mesh axes over which an array varies inside ``jax.shard_map``: what a foreign call does not learn by itself.

Arguments of one call must vary over the same axes. ``agreed`` makes them, and its transpose sums gradients over the
axes that it added.
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
from jax.sharding import NamedSharding, PartitionSpec

__all__ = ["agreed", "axes", "axes_of", "concatenated", "like_arguments", "result", "varying", "zeros"]

Tree = TypeVar("Tree")

_GATHERS = "to" in signature(jax.lax.all_gather).parameters
"""Whether this JAX can gather parts to an array that is equal on all devices by its type."""


def axes(tree: Any) -> frozenset[str]:
    """The axes over which an array of the tree varies."""
    return frozenset[str]().union(*(_axes(leaf) for leaf in jax.tree.leaves(tree)))


def varying(tree: Tree, over: frozenset[str]) -> Tree:
    """All arrays of the tree, varying over these axes and their own."""
    found: Tree = jax.tree.map(lambda array: _cast(array, over), tree) if over else tree
    return found


def agreed(tree: Tree) -> Tree:
    """All arrays of the tree, varying over every axis over which one of them does."""
    return varying(tree, axes(tree))


def concatenated(array: jax.Array, axis: int, over: frozenset[str]) -> jax.Array:
    """The parts that the devices along these mesh axes have, one after another along ``axis``, equal on all of them."""
    for name in sorted(over):
        if _GATHERS:
            array = jax.lax.all_gather(array, name, axis=axis, tiled=True, to="invarying")
        else:  # each device adds its part in its place
            count, place = jax.lax.axis_size(name), jax.lax.axis_index(name)
            parts = zeros((count, *array.shape), array.dtype, array).at[place].set(array)
            whole = jnp.moveaxis(jax.lax.psum(parts, name), 0, axis)  # type: ignore[no-untyped-call]  # not annotated
            array = whole.reshape(*array.shape[:axis], -1, *array.shape[axis + 1 :])
    return array


def like_arguments(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, with results that vary over the axes of its arguments, also where they depend on none."""

    def run(*arguments: Any) -> Any:
        return varying(function(*arguments), axes(arguments))

    return run


def result(shape: tuple[int, ...], dtype: Any, like: Any) -> jax.ShapeDtypeStruct:
    """The type of a result that varies over the axes of ``like``."""
    make: Any = jax.ShapeDtypeStruct
    struct: jax.ShapeDtypeStruct = make(shape, dtype, **axes_of(like, len(shape)))
    return struct


def zeros(shape: tuple[int, ...], dtype: Any, like: jax.Array) -> jax.Array:
    """Zeros that vary over the axes of ``like``."""
    return _cast(jnp.zeros(shape, dtype), _axes(like))


def _cast(array: jax.Array, over: frozenset[str]) -> jax.Array:
    missing = tuple(sorted(over - _axes(array)))
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
