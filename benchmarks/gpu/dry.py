"""A dry run: the operators take the kernels on the CPU, in Triton's interpreter."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from layout import ROOT

__all__ = ["interpreted_kernels"]


@contextmanager
def interpreted_kernels() -> Iterator[None]:
    """Inside the block, tensors of the CPU take the kernels."""
    sys.path.insert(0, str(ROOT / "tests" / "backends" / "gpu"))
    import fast_interpreter

    from peerspec.backends.torch.kernels import interpreted

    fast_interpreter.install()
    with interpreted(), np.errstate(all="ignore"):
        yield
