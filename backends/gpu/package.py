"""Whether Triton can be used. This module and ``limits`` may be imported without it."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, version

__all__ = [
    "OLDEST_CHIP",
    "OLDEST_TRITON",
    "chip_text",
    "reason_against_chip",
    "reason_against_package",
    "triton_version",
]

OLDEST_CHIP = 80
"""The oldest capability, ten times the major number plus the minor one."""
OLDEST_TRITON = (3, 6)


def reason_against_package() -> str:
    """Why Triton cannot be used; empty if it can."""
    oldest, found = ".".join(map(str, OLDEST_TRITON)), triton_version()
    if not found:
        return f"Triton is not installed; install triton {oldest} or newer"
    if tuple(map(int, re.findall(r"\d+", found)[:2])) < OLDEST_TRITON:
        return f"Triton {found} is too old; install triton {oldest} or newer"
    return ""


def triton_version() -> str:
    """The version of Triton, under either name of its package; empty if it is not installed."""
    for name in ("triton", "pytorch-triton"):
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    return ""


def reason_against_chip(name: str, capability: int) -> str:
    """Why a chip cannot run the kernels; empty if it can."""
    if capability >= OLDEST_CHIP:
        return ""
    return f"{name} has the capability {chip_text(capability)}, and the kernels need {chip_text(OLDEST_CHIP)} or newer"


def chip_text(capability: int) -> str:
    """A capability as NVIDIA writes it.

    Example:
        >>> chip_text(90)
        '9.0'
    """
    return f"{capability // 10}.{capability % 10}"
