"""float32 means float32 (PRC-2): matrix products keep their precision whatever the program around them sets.

Three settings lower it silently: TF32 in CUDA products, bfloat16 or TF32 in oneDNN products on the CPU (both
also set by ``torch.set_float32_matmul_precision``), and autocast. The first two belong to the process, so
they are raised while a thread is inside and put back when the last one leaves; autocast belongs to the thread.
Products are operators that enter by themselves, forward and backward, which may run on another thread; so a compiler,
which cannot follow switches of the process, has none in its graph.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from threading import Lock
from typing import Any

import torch

__all__ = ["full_precision", "without_autocast"]

_SWITCHES: tuple[tuple[Any, Any], ...] = (
    (torch.backends.cuda.matmul, torch.backends),
    (torch.backends.mkldnn.matmul, torch.backends.mkldnn),  # type: ignore[attr-defined]  # made at import
)
"""Where the precision of products is set, each with what it inherits from while it is unset."""

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
            _saved[:] = [_own_setting(*switch) for switch in _SWITCHES]
            _set(["ieee"] * len(_SWITCHES))
        _inside += 1


def _leave() -> None:
    global _inside
    with _lock:
        _inside -= 1
        if _inside == 0:
            _set(_saved)


def _own_setting(switch: Any, parent: Any) -> str:
    """What to write back: an unset switch reads as its parent's value, which must not become its own."""
    value: str = switch.fp32_precision
    return "none" if value == parent.fp32_precision else value


def _set(values: list[str]) -> None:
    for (switch, _), value in zip(_SWITCHES, values, strict=True):
        switch.fp32_precision = value
