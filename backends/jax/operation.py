"""Operations of the layer: each has one derivative and up to three implementations; only this file chooses.

The native core computes an operation if it was built, if XLA accepts it and if the program is compiled for the CPU.
The Triton kernels compute it in a program for CUDA, if there is a chip that runs them. Otherwise, and inside
``library_operations()``, operations of JAX compute it. What takes part is decided when a function is traced; ``jit``
traces a function again inside that block.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, NamedTuple

import jax

from peerspec.backends.jax import native
from peerspec.backends.jax.gpu import chip
from peerspec.backends.jax.varying import agreed, like_arguments

__all__ = ["OnGPU", "dispatch", "for_cpu_alone", "interpreted", "is_supported", "library_operations", "operation"]

_enabled_at_start = os.environ.get("PEERSPEC_JAX_CORE", "1") != "0"
# A user context is part of the cache key of jit: no program compiled with the core is reused without it.
_core_enabled = jax.make_user_context(_enabled_at_start)  # type: ignore[no-untyped-call]  # not annotated
_interpreted = jax.make_user_context(False)  # type: ignore[no-untyped-call]  # not annotated
_cpu_alone = jax.make_user_context(False)  # type: ignore[no-untyped-call]  # not annotated


class OnGPU(NamedTuple):
    """An implementation by Triton kernels; both functions take the arguments of the operation.

    Attributes:
        run: returns the result of the operation.
        fits: whether the kernels take arrays of these sizes and dtypes.
    """

    run: Callable[..., Any]
    fits: Callable[..., bool]


def library_operations() -> AbstractContextManager[None]:
    """Functions of this package that are traced inside the block use neither the native core nor Triton.

    The environment variable ``PEERSPEC_JAX_CORE=0`` does the same for a whole process.

    Example:
        >>> from peerspec.backends.jax import PeerConfig, forward, init
        >>> config = PeerConfig(d_model=8, heads=2, num_experts=16, top_k=4, d_key=4)
        >>> with library_operations():
        ...     y = forward(config, init(config, jax.random.key(0)), jax.numpy.ones((3, 8))).y
    """
    context: AbstractContextManager[None] = _core_enabled(False)
    return context


def interpreted() -> AbstractContextManager[None]:
    """Programs for the CPU that are traced inside the block run the Triton kernels, which must be interpreted."""
    context: AbstractContextManager[None] = _interpreted(True)
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


def dispatch(core: Callable[..., Any], library: Callable[..., Any], *arguments: Any, gpu: OnGPU | None = None) -> Any:
    """The implementation for the platform of the compilation: ``core`` for the CPU, ``gpu`` for CUDA, else ``library``.

    Those that are not supported are left out.
    """
    arguments = agreed(arguments)
    core, library = like_arguments(core), like_arguments(library)
    gpu = gpu and gpu._replace(run=like_arguments(gpu.run))
    if _interpreted.value:
        return gpu.run(*arguments) if gpu and gpu.fits(*arguments) else library(*arguments)
    if _cpu_alone.value:
        return core(*arguments) if is_supported() else library(*arguments)
    found = {"cpu": core} if is_supported() else {}
    if gpu and _core_enabled.value and chip.runs_triton() and gpu.fits(*arguments):
        found["cuda"] = gpu.run
    return jax.lax.platform_dependent(*arguments, **found, default=library) if found else library(*arguments)


def operation(
    *,
    core: Callable[..., Any],
    library: Callable[..., Any],
    backward: Callable[..., Any],
    gpu: OnGPU | None = None,
    forward: Callable[..., Any] | None = None,
    num_static: int = 0,
) -> Callable[..., Any]:
    """A differentiable function with several implementations.

    Args:
        core, library, gpu: the implementations; all take the same static arguments, then trees of arrays.
        backward: takes the static arguments, what ``forward`` saved, and the cotangents of the result; it returns the
            cotangents of the arrays.
        forward: takes all arguments and returns the result and what to save; by default it saves the arrays.
        num_static: the number of static arguments, which are hashable and come first.
    """

    def compute(*arguments: Any) -> Any:
        static, arrays = arguments[:num_static], arguments[num_static:]
        on_gpu = gpu and OnGPU(*(partial(function, *static) for function in gpu))
        return dispatch(partial(core, *static), partial(library, *static), *arrays, gpu=on_gpu)

    differentiable = jax.custom_vjp(compute, nondiff_argnums=tuple(range(num_static)))

    def compute_and_save(*arguments: Any) -> tuple[Any, Any]:
        return differentiable(*arguments), arguments[num_static:]

    differentiable.defvjp(forward or compute_and_save, backward)

    def call(*arguments: Any) -> Any:
        return differentiable(*arguments[:num_static], *agreed(arguments[num_static:]))

    return call
