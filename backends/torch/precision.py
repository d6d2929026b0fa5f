"""float32 means float32 (PRC-2): matrix products keep their precision whatever the program around them sets.

Three settings lower it silently: TF32 in CUDA products, bfloat16 or TF32 in oneDNN products on the CPU (both
also set by ``torch.set_float32_matmul_precision``), and autocast. The first two belong to the process, so
they are raised while a thread is inside and put back when the last one leaves; autocast belongs to the thread.
Backward passes run outside of the forward's block and on other threads, so each product enters again there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

import torch

__all__ = ["full_precision"]

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
    autocast = torch.amp.is_autocast_available(device_type) and torch.is_autocast_enabled(device_type)
    _enter()
    try:
        if autocast:
            with torch.autocast(device_type, enabled=False):
                yield
        else:
            yield
    finally:
        _leave()


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
