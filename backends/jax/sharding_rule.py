"""The sharding rule of foreign calls over tokens: with automatic mesh axes each device computes the tokens it has.

XLA knows nothing of what a foreign call computes. Without a rule it gathers all tokens on every device.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

import jax
from jax.experimental.custom_partitioning import custom_partitioning
from jax.sharding import AxisType, NamedSharding, PartitionSpec

__all__ = ["split_by_tokens"]

TOKEN = "t"
"""The name of T in rules."""


def split_by_tokens(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """``function(tables, tokens)`` of two trees, which XLA may split over devices by T.

    T is the first axis of tokens and results, and every device gets the tables whole. The function is traced again for
    the tokens of one device.
    """

    def run(tables: Any, tokens: Any) -> Any:
        own, whole = jax.tree.leaves(tokens), jax.tree.leaves(tables)
        mesh = _automatic_mesh(*own, *whole)
        if mesh is None:
            return function(tables, tokens)
        trees = jax.tree.structure((tokens, tables))

        def call(*arrays: jax.Array) -> Any:
            tokens, tables = jax.tree.unflatten(trees, arrays)
            return function(tables, tokens)

        def partition(mesh: Any, kinds: Any, results: Any) -> tuple[Any, ...]:
            first = _placed(mesh, next(iter(kinds[0].sharding.spec), None))
            arguments = (*[first] * len(own), *[_placed(mesh)] * len(whole))
            return mesh, call, jax.tree.map(lambda _: first, results), arguments

        rule, others = _rule(own, whole, jax.tree.leaves(jax.eval_shape(function, tables, tokens)))
        split: Any = custom_partitioning(call)  # type: ignore[no-untyped-call]  # not annotated
        split.def_partition(partition, sharding_rule=rule, need_replication_factors=others)
        return jax.tree.map(lambda result: _on(mesh, result), split(*own, *whole))

    return run


def _rule(tokens: Sequence[Any], tables: Sequence[Any], results: Sequence[Any]) -> tuple[str, tuple[str, ...]]:
    """A factor for T, and one for each other axis, which every device needs whole."""
    names = (f"a{number}" for number in count())
    others: list[str] = []

    def factors(array: Any, *first: str) -> str:
        own = [next(names) for _ in range(array.ndim - len(first))]
        others.extend(own)
        return " ".join([*first, *own])

    left = [factors(array, TOKEN) for array in tokens] + [factors(array) for array in tables]
    right = [factors(array, TOKEN) for array in results]
    return f"{', '.join(left)} -> {', '.join(right)}", tuple(others)


def _automatic_mesh(*arrays: Any) -> Any:
    """The mesh of an array that lies on several devices, if XLA alone decides how it is split; else None."""
    meshes = (jax.typeof(array).sharding.mesh for array in arrays)
    return next((mesh for mesh in meshes if mesh.size > 1 and set(mesh.axis_types) == {AxisType.Auto}), None)


def _on(mesh: Any, result: jax.Array) -> jax.Array:
    """The result with the mesh in its type, which calls lose; its sharding stays open."""
    constrain: Any = jax.lax.with_sharding_constraint
    typed: jax.Array = constrain(result, _placed(mesh, *[PartitionSpec.UNCONSTRAINED] * result.ndim))
    return typed


def _placed(mesh: Any, *spec: Any) -> NamedSharding:
    return NamedSharding(mesh, PartitionSpec(*spec))  # type: ignore[no-untyped-call]  # not annotated
