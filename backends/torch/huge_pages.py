"""Memory in huge pages: random reads of rows of a big table are up to a third slower in small pages.

NumPy requests huge pages; torch does so only where ``THP_MEM_ALLOC_ENABLE`` is set. The system may ignore the request,
and only speed depends on it.
"""

from __future__ import annotations

import ctypes
import mmap

import torch

__all__ = ["copied", "in_huge_pages"]

_MIN_BYTES = 1 << 22
"""The size from which NumPy requests huge pages; smaller tensors gain nothing."""


def in_huge_pages(tensor: torch.Tensor) -> torch.Tensor:
    """The tensor itself; call this before the first write to its memory."""
    if tensor.device.type == "cpu" and type(tensor) is torch.Tensor and hasattr(mmap, "MADV_HUGEPAGE"):
        start, count = tensor.data_ptr(), tensor.numel() * tensor.itemsize
        if count >= _MIN_BYTES:
            skipped = -start % mmap.PAGESIZE
            advise = ctypes.CDLL(None).madvise
            advise(ctypes.c_void_p(start + skipped), ctypes.c_size_t(count - skipped), mmap.MADV_HUGEPAGE)
    return tensor


def copied(tensor: torch.Tensor, device: torch.device | str) -> torch.Tensor:
    """A copy on the device, in huge pages."""
    return in_huge_pages(torch.empty_like(tensor, device=device)).copy_(tensor)
