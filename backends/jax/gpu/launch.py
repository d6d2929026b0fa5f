"""A launch as a primitive of JAX. Its lowering for CUDA compiles the kernel, so a program for the CPU compiles none."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache, partial
from typing import Any

import jax
import numpy as np
from jax.extend.core import Primitive
from jax.interpreters import batching, mlir

from peerspec.backends.gpu.compiled import Compiled, compiled
from peerspec.backends.gpu.launches import Launch
from peerspec.backends.jax.gpu import chip
from peerspec.backends.jax.varying import agreed, axes_of

__all__ = ["launch_primitive", "run"]

_TYPES = {"float32": "*fp32", "bfloat16": "*bf16", "float16": "*fp16", "int32": "*i32", "int64": "*i64"}

launch_primitive = Primitive("peerspec_launch")
launch_primitive.multiple_results = True


def run(
    launch: Launch,
    arrays: Sequence[jax.Array],
    results: Sequence[jax.ShapeDtypeStruct],
    *,
    order: Sequence[int] | None = None,
    aliases: dict[int, int] | None = None,
) -> list[jax.Array]:
    """The results of a launch.

    Args:
        launch: the launch.
        arrays: what the kernel reads, and the first contents of results that it does not write whole.
        results: the shapes and dtypes of what it writes.
        order: the arrays of the kernel, as positions in ``arrays`` followed by ``results``; by default all in turn.
        aliases: positions in ``arrays`` and in ``results`` of those that share memory.
    """
    aliases = aliases or {}
    if 0 in launch.grid:
        shared = {result: arrays[place] for place, result in aliases.items()}
        return [shared[i] if i in shared else jax.numpy.empty(r.shape, r.dtype) for i, r in enumerate(results)]
    found: list[jax.Array] = launch_primitive.bind(  # type: ignore[no-untyped-call]  # not annotated
        *agreed(tuple(arrays)),
        launch=launch._replace(constants=tuple(launch.constants.items())),  # type: ignore[arg-type]  # to be hashed
        results=tuple((tuple(r.shape), np.dtype(r.dtype)) for r in results),
        order=tuple(range(len(arrays) + len(results)) if order is None else order),
        aliases=tuple(aliases.items()),
    )
    return found


@launch_primitive.def_impl  # type: ignore[untyped-decorator]  # not annotated
def _(*arrays: jax.Array, **parameters: Any) -> Any:
    return jax.jit(partial(launch_primitive.bind, **parameters))(*arrays)


@launch_primitive.def_abstract_eval  # type: ignore[untyped-decorator]
def _(*arrays: Any, results: Any, **__: Any) -> list[Any]:
    return [jax.core.ShapedArray(shape, dtype, **axes_of(arrays[0], len(shape))) for shape, dtype in results]


def _batched(arrays: Sequence[jax.Array], axes: Sequence[Any], **parameters: Any) -> tuple[Any, Any]:
    """The elements of a batch, one after another; what knows a better rule does not come here."""
    batched = [axis is not None for axis in axes]
    arrays = [a if axis is None else jax.numpy.moveaxis(a, axis, 0) for a, axis in zip(arrays, axes, strict=True)]

    def element(i: jax.Array) -> Any:
        own = (array[i] if varies else array for array, varies in zip(arrays, batched, strict=True))
        return launch_primitive.bind(*own, **parameters)  # type: ignore[no-untyped-call]

    size = next(len(array) for array, varies in zip(arrays, batched, strict=True) if varies)
    found = jax.lax.map(element, jax.numpy.arange(size))
    return found, [0] * len(found)


batching.primitive_batchers[launch_primitive] = _batched


def _lowered(ctx: Any, *operands: Any, launch: Launch, results: Any, order: Any, aliases: Any) -> Any:
    avals = (*ctx.avals_in, *ctx.avals_out)
    made = _made(launch, tuple(_TYPES[str(avals[place].dtype)] for place in order), chip.capability())
    rule = jax.ffi.ffi_lowering(chip.TARGET, operand_output_aliases=dict(aliases))
    return rule(
        ctx,
        *operands,
        image=made.cubin,
        digest=hashlib.sha256(made.cubin).hexdigest(),
        kernel=made.name,
        grid=np.array([*launch.grid, 1, 1][:3], np.int64),
        arrays=np.array(order, np.int64),
        numbers=_words(launch.numbers),
        scratch=np.int64(made.scratch),
        warps=np.int64(made.warps),
        shared=np.int64(made.shared),
    )


mlir.register_lowering(launch_primitive, _lowered)  # a program for several platforms asks for all of them


@cache
def _made(launch: Launch, types: tuple[str, ...], capability: int) -> Compiled:
    whole = launch._replace(constants=dict(launch.constants))
    names = [name for name in launch.kernel.arg_names if name not in whole.constants]
    return compiled(whole, dict(zip(names, types, strict=False)), capability=capability)


def _words(numbers: Sequence[int | float]) -> np.ndarray:
    """The numbers as 32 bits each, in int64."""
    words = (np.float32(n).view(np.uint32) if isinstance(n, float) else np.int32(n).view(np.uint32) for n in numbers)
    return np.array([int(word) for word in words], np.int64)
