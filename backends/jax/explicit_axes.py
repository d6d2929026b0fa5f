"""Explicit mesh axes, where the type of an array says how it is sharded."""

from __future__ import annotations

from typing import Any

import jax
from jax.sharding import NamedSharding, PartitionSpec

from peerspec.reference import InputError

__all__ = ["axes_of_tokens", "explicit_mesh", "placed", "placed_anew", "require_all_or_no_axes", "whole_or_sharded"]


def explicit_mesh(*trees: Any) -> Any:
    """The mesh of the first array whose type has explicit axes; None if there is none."""
    meshes = (jax.typeof(leaf).sharding.mesh for leaf in jax.tree.leaves(trees))
    return next((mesh for mesh in meshes if mesh.explicit_axes), None)


def whole_or_sharded(array: jax.Array) -> tuple[Any, ...]:
    """For each axis of an array the mesh axes over which it is sharded, or None."""
    return tuple(jax.typeof(array).sharding.spec)


def axes_of_tokens(params: Any, x: jax.Array) -> tuple[str, ...]:
    """The mesh axes over which tokens are sharded, if nothing else of ``x`` and of the parameters is; else none.

    None, too, where there is no token: XLA refuses the gradient of such a program outside ``jit``.
    """
    if not x.size:
        return ()
    *lead, features = whole_or_sharded(x)
    if features is not None or any(any(whole_or_sharded(array)) for array in jax.tree.leaves(params)):
        return ()
    found = (names if isinstance(names, tuple) else (names,) for names in lead if names is not None)
    return tuple(name for names in found for name in names)


def placed(mesh: Any, *axes: Any) -> Any:
    """A sharding by explicit axes."""
    return NamedSharding(mesh, PartitionSpec(*axes))  # type: ignore[no-untyped-call]  # not annotated


def placed_anew(array: Any, sharding: Any) -> jax.Array:
    """The array, from wherever it lies, with this sharding."""
    found: jax.Array = jax.sharding.reshard(array, sharding)  # type: ignore[no-untyped-call]  # not annotated
    return found


def require_all_or_no_axes(mesh: Any) -> None:
    """Refuse a mesh of which ``shard_map`` has mapped some axes and others are explicit: XLA can place nothing there.

    Raises:
        InputError: it is one.
    """
    if mesh.manual_axes:
        raise InputError(
            f"inside a shard_map over {', '.join(mesh.manual_axes)}, no axis of the mesh may be explicit, "
            f"got {', '.join(mesh.explicit_axes)}; map all axes, or make the others automatic"
        )
