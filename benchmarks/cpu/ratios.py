"""Rows of figures whose ratios compare with the fastest other implementation of the same run, and with PEER-pytorch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from timing import Quartiles
from variants import PACKAGE

__all__ = ["compared"]


def compared(
    point: Mapping[str, Any], found: Mapping[str, Quartiles], rivals: Sequence[str], *, package: str = PACKAGE
) -> list[dict[str, Any]]:
    """A row for each variant.

    Args:
        point: the sizes.
        found: the times by variant.
        rivals: names of the variants of others; what was not measured does not count.
        package: the variant of PEER-pytorch.
    """
    measured = [name for name in rivals if name in found]
    if not measured:
        return [{**point, "variant": name, **taken.as_row()} for name, taken in found.items()]
    cold = min(measured, key=lambda name: found[name].median)
    warm = min(found[name].warm for name in measured)
    rows = [
        {
            **{**point, "variant": name, **taken.as_row()},
            **{"rival": cold, "speed": found[cold].median / taken.median, "speed_warm": warm / taken.warm},
        }
        for name, taken in found.items()
    ]
    if package in found:
        for row in rows:
            row["speed_package"] = found[package].median / found[row["variant"]].median
    return rows
