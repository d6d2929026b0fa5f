"""The CPU kernels of the operators: the native core where it can run, library operations elsewhere.

Each stage is one operator of ``torch.library``. Its default kernel consists of library operations and runs on every
device. ``core_kernel`` adds the kernel for the CPU, and is the only place that decides between the two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch._library.custom_ops import CustomOpDef

from peerspec import native

__all__ = ["core_kernel", "library_operations"]

_built = native.available()
_enabled = True


@contextmanager
def library_operations() -> Iterator[None]:
    """Inside the block no thread of the process uses the native core."""
    global _enabled
    before, _enabled = _enabled, False
    try:
        yield
    finally:
        _enabled = before


def core_kernel(
    operator: CustomOpDef | torch._ops.OpOverload,
    *,
    core: Callable[..., Any],
    library: Callable[..., Any],
    tables: Sequence[int] = (),
) -> None:
    """Register the CPU kernel of an operator: ``core`` where the native core can run, else ``library``.

    Args:
        operator: the operator.
        core, library: take the arguments of the operator and return its results.
        tables: positions of the tensors that the core reads in place. They must be contiguous; None is allowed.
    """

    def kernel(*arguments: Any) -> Any:
        run = core if is_supported([arguments[position] for position in tables]) else library
        return run(*arguments)

    if _built:
        torch.library.register_kernel(operator, "cpu", kernel)


def is_supported(tables: Sequence[Tensor | None]) -> bool:
    """Whether the core was built, is not switched off, and can read these tables on the CPU."""
    return _built and _enabled and all(table is None or table.is_contiguous() for table in tables)
