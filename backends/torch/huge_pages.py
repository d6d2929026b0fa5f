"""Memory in huge pages: where rows of a big table are read at random, small ones cost up to a third of the speed.

NumPy asks the system for them, torch does not unless its user sets ``THP_MEM_ALLOC_ENABLE``. What is asked for here is
a wish: the system may refuse it, and nothing but speed depends on it.
"""

from __future__ import annotations

import ctypes
import mmap

import torch

__all__ = ["copied", "in_huge_pages"]

_LEAST = 1 << 22
"""Bytes from which NumPy asks; less gains nothing."""


def in_huge_pages(tensor: torch.Tensor) -> torch.Tensor:
    """The tensor itself, whose memory was asked for but not yet written to."""
    if tensor.device.type == "cpu" and type(tensor) is torch.Tensor and hasattr(mmap, "MADV_HUGEPAGE"):
        start, count = tensor.data_ptr(), tensor.numel() * tensor.itemsize
        if count >= _LEAST:
            skipped = -start % mmap.PAGESIZE
            advise = ctypes.CDLL(None).madvise
            advise(ctypes.c_void_p(start + skipped), ctypes.c_size_t(count - skipped), mmap.MADV_HUGEPAGE)
    return tensor


def copied(tensor: torch.Tensor, device: torch.device | str) -> torch.Tensor:
    """A copy on the device, in huge pages."""
    return in_huge_pages(torch.empty_like(tensor, device=device)).copy_(tensor)
