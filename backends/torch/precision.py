"""Full precision (PRC-2): matrix products keep their precision under all settings of the program.

Three settings lower it silently: TF32 in CUDA products, bfloat16 or TF32 in oneDNN products on the CPU (both are also
set by ``torch.set_float32_matmul_precision``), and autocast. The first two belong to the process. The first thread that
enters ``full_precision`` raises them, and the last thread that leaves it restores them. Autocast belongs to the thread.

Only kernels of operators enter ``full_precision``, forward and backward. So the graph of a compiler, which cannot
follow settings of the process, contains none.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from threading import Lock
from typing import Any

import torch

__all__ = ["full_precision", "without_autocast"]

_SETTINGS: tuple[tuple[Any, Any], ...] = (
    (torch.backends.cuda.matmul, torch.backends),
    (torch.backends.mkldnn.matmul, torch.backends.mkldnn),  # type: ignore[attr-defined]  # made at import
)
"""The settings of the precision of products, each with the parent from which it inherits while it is unset."""

_lock = Lock()
_inside = 0
_saved: list[str] = []


@contextmanager
def full_precision(device_type: str) -> Iterator[None]:
    """No TF32, no bfloat16 products and no autocast on devices of this type until the end of the block."""
    _enter()
    try:
        with without_autocast(device_type):
            yield
    finally:
        _leave()


def without_autocast(device_type: str) -> AbstractContextManager[object]:
    """No autocast on devices of this type until the end of the block."""
    if torch.amp.is_autocast_available(device_type) and torch.is_autocast_enabled(device_type):
        return torch.autocast(device_type, enabled=False)
    return nullcontext()


def _enter() -> None:
    global _inside
    with _lock:
        if _inside == 0:
            _saved[:] = [_own_value(*setting) for setting in _SETTINGS]
            _set(["ieee"] * len(_SETTINGS))
        _inside += 1


def _leave() -> None:
    global _inside
    with _lock:
        _inside -= 1
        if _inside == 0:
            _set(_saved)


def _own_value(setting: Any, parent: Any) -> str:
    """The value to restore; "none" for an unset setting, which reads as the value of its parent."""
    value: str = setting.fp32_precision
    return "none" if value == parent.fp32_precision else value


def _set(values: list[str]) -> None:
    for (setting, _), value in zip(_SETTINGS, values, strict=True):
        setting.fp32_precision = value
