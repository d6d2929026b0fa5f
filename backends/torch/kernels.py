"""The kernels of the operators: the native core on the CPU, Triton on a GPU, and library operations elsewhere.

Each stage is one operator of ``torch.library``. Its default kernel consists of library operations and runs on every
device. ``register_kernels`` adds the others, and is the only place that decides between them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch._library.custom_ops import CustomOpDef

from peerspec import native
from peerspec.backends.torch.gpu.availability import runs_triton

__all__ = ["OnGPU", "interpreted", "library_operations", "register_kernels"]

Kernel = Callable[..., Any]

_built = native.available()
_enabled = True
_interpreted = False


class OnGPU(NamedTuple):
    """The Triton kernel of an operator; both functions take the arguments of the operator.

    Attributes:
        run: returns the results of the operator.
        fits: whether the kernel takes tensors of these sizes and dtypes.
    """

    run: Kernel
    fits: Callable[..., bool]


@contextmanager
def library_operations() -> Iterator[None]:
    """Inside the block no thread of the process uses the native core or Triton."""
    global _enabled
    before, _enabled = _enabled, False
    try:
        yield
    finally:
        _enabled = before


@contextmanager
def interpreted() -> Iterator[None]:
    """Inside the block tensors of the CPU take the Triton kernels, which must be interpreted (TRITON_INTERPRET=1)."""
    global _interpreted
    before, _interpreted = _interpreted, True
    try:
        yield
    finally:
        _interpreted = before


def register_kernels(
    operator: CustomOpDef | torch._ops.OpOverload,
    *,
    core: Kernel,
    library: Kernel,
    gpu: OnGPU | None = None,
    tables: Sequence[int] = (),
) -> None:
    """Register the kernels of an operator for the CPU and for CUDA.

    Args:
        operator: the operator.
        core, library: take the arguments of the operator and return its results. The core runs on the CPU where it
            can, the library where no other kernel does.
        gpu: the Triton kernel.
        tables: positions of the tensors that kernels read in place. They must be contiguous; None is allowed.
    """

    def contiguous(arguments: Sequence[Any]) -> bool:
        return all(table is None or table.is_contiguous() for table in (arguments[place] for place in tables))

    def on_cpu(*arguments: Any) -> Any:
        if _interpreted and _enabled and gpu and contiguous(arguments) and gpu.fits(*arguments):
            return gpu.run(*arguments)
        run = core if _built and _enabled and not _interpreted and contiguous(arguments) else library
        return run(*arguments)

    def on_cuda(*arguments: Any) -> Any:
        triton = gpu and _enabled and contiguous(arguments) and runs_triton(_device(arguments)) and gpu.fits(*arguments)
        return gpu.run(*arguments) if gpu and triton else library(*arguments)

    torch.library.register_kernel(operator, "cpu", on_cpu)
    if gpu is not None:
        torch.library.register_kernel(operator, "cuda", on_cuda)


def _device(arguments: Sequence[Any]) -> torch.device:
    return next(argument.device for argument in arguments if isinstance(argument, Tensor))
