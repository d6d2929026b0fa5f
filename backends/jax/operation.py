"""Operations of the layer: each has one derivative and two implementations, and only this file chooses between them.

The native core computes an operation if it was built, if XLA accepts it and if the program is compiled for the CPU.
Otherwise, and inside ``library_operations()``, operations of JAX compute it. The choice is made when a function is
traced; ``jit`` traces a function again inside that block.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import jax

from peerspec.backends.jax import native

__all__ = ["dispatch", "for_cpu_alone", "is_supported", "library_operations", "operation"]

_enabled_at_start = os.environ.get("PEERSPEC_JAX_CORE", "1") != "0"
# A user context is part of the cache key of jit: no program compiled with the core is reused without it.
_core_enabled = jax.make_user_context(_enabled_at_start)  # type: ignore[no-untyped-call]  # not annotated
_cpu_alone = jax.make_user_context(False)  # type: ignore[no-untyped-call]  # not annotated


def library_operations() -> AbstractContextManager[None]:
    """Functions of this package that are traced inside the block do not use the native core.

    The environment variable ``PEERSPEC_JAX_CORE=0`` does the same for a whole process.

    Example:
        >>> from peerspec.backends.jax import PeerConfig, forward, init
        >>> config = PeerConfig(d_model=8, heads=2, num_experts=16, top_k=4, d_key=4)
        >>> with library_operations():
        ...     y = forward(config, init(config, jax.random.key(0)), jax.numpy.ones((3, 8))).y
    """
    context: AbstractContextManager[None] = _core_enabled(False)
    return context


def for_cpu_alone() -> AbstractContextManager[None]:
    """What is traced inside the block is compiled for the CPU alone, and takes a third of the time to trace.

    Elsewhere both implementations are traced, and the platform of the compilation decides.
    """
    context: AbstractContextManager[None] = _cpu_alone(True)
    return context


def is_supported() -> bool:
    """Whether a program for the CPU that is traced now calls the core."""
    return bool(_core_enabled.value) and native.is_registered()


def dispatch(core: Callable[..., Any], library: Callable[..., Any], *arguments: Any) -> Any:
    """``core(*arguments)`` if the core is supported and the program is compiled for the CPU, else ``library``."""
    if not is_supported():
        return library(*arguments)
    if _cpu_alone.value:
        return core(*arguments)
    return jax.lax.platform_dependent(*arguments, cpu=core, default=library)


def operation(
    *,
    core: Callable[..., Any],
    library: Callable[..., Any],
    backward: Callable[..., Any],
    forward: Callable[..., Any] | None = None,
    num_static: int = 0,
) -> Callable[..., Any]:
    """A differentiable function with an implementation by the core and one by library operations.

    Args:
        core, library: the implementations; both take the same static arguments, then trees of arrays.
        backward: takes the static arguments, what ``forward`` saved, and the cotangents of the result; it returns the
            cotangents of the arrays.
        forward: takes all arguments and returns the result and what to save; by default it saves the arrays.
        num_static: the number of static arguments, which are hashable and come first.
    """

    def compute(*arguments: Any) -> Any:
        static, arrays = arguments[:num_static], arguments[num_static:]
        return dispatch(partial(core, *static), partial(library, *static), *arrays)

    differentiable = jax.custom_vjp(compute, nondiff_argnums=tuple(range(num_static)))

    def compute_and_save(*arguments: Any) -> tuple[Any, Any]:
        return differentiable(*arguments), arguments[num_static:]

    differentiable.defvjp(forward or compute_and_save, backward)
    return differentiable
