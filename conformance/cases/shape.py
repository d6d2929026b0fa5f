"""Shape cases: leading axes, empty batches, memory layouts, and masks, which must not change y (SHP-1, SHP-2)."""

from __future__ import annotations

import numpy as np

from peerspec.conformance.cases.build import OUTPUT, Build, Parts, core_case, full, full_case
from peerspec.conformance.cases.case import CaseFamily, Draw
from peerspec.conformance.cases.configs import RELU
from peerspec.conformance.cases.layouts import laid_out
from peerspec.conformance.cases.tiled import TILED_RELU
from peerspec.reference import PeerConfig

__all__ = ["SHAPE_CASES"]


def _strided(draw: Draw, config: PeerConfig) -> Parts:
    """x is every second row of a longer array."""
    parts = full_case(draw, config, (12,))
    return parts | {"x": parts["x"][::2]}


def _reversed(draw: Draw, config: PeerConfig) -> Parts:
    """The rows of x lie in memory from the last to the first."""
    parts = full_case(draw, config)
    return parts | {"x": laid_out(parts["x"], "reversed")}


def _broadcast(draw: Draw, config: PeerConfig) -> Parts:
    """All tokens are one row of memory."""
    parts = full_case(draw, config)
    return parts | {"x": np.broadcast_to(parts["x"][0], parts["x"].shape)}


def _permuted(draw: Draw, config: PeerConfig) -> Parts:
    """x [2, 3, D] is a transposed [3, 2, D]."""
    parts = full_case(draw, config, (2, 3))
    return parts | {"x": laid_out(parts["x"], "permuted")}


def _unaligned(draw: Draw, config: PeerConfig) -> Parts:
    """x begins one entry behind a multiple of 16 bytes, and every row has whole vectors."""
    parts = full_case(draw, config)
    return parts | {"x": laid_out(parts["x"], "unaligned")}


def _x_in_columns(draw: Draw, config: PeerConfig) -> Parts:
    parts = full_case(draw, config)
    return parts | {"x": laid_out(parts["x"], "columns")}


def _tables(where: str) -> Build:
    def build(draw: Draw, config: PeerConfig) -> Parts:
        parts = full_case(draw, config)
        return parts | {"params": {name: laid_out(array, where) for name, array in parts["params"].items()}}

    return build


def _masked(mask: list[bool]) -> Build:
    def build(draw: Draw, config: PeerConfig) -> Parts:
        return full_case(draw, config, (len(mask),)) | {"mask": np.array(mask)}

    return build


SHAPE_CASES = (
    core_case(CaseFamily.SHAPE, "none", RELU, full(), OUTPUT | {"form"}),
    core_case(CaseFamily.SHAPE, "one", RELU, full(1), OUTPUT | {"form"}),
    core_case(CaseFamily.SHAPE, "empty", RELU, full(0), {"any"}),
    core_case(CaseFamily.SHAPE, "empty.two", RELU, full(0, 3), {"any"}),
    core_case(CaseFamily.SHAPE, "three", RELU, full(2, 3), OUTPUT | {"form"}),
    core_case(CaseFamily.SHAPE, "four", RELU, full(1, 3, 2), OUTPUT | {"form"}, size=1),
    core_case(CaseFamily.SHAPE, "strided", RELU, _strided, OUTPUT | {"form"}),
    core_case(CaseFamily.SHAPE, "reversed", RELU, _reversed, OUTPUT | {"form"}, size=1),
    core_case(CaseFamily.SHAPE, "broadcast", RELU, _broadcast, OUTPUT | {"form"}, size=1),
    core_case(CaseFamily.SHAPE, "columns", RELU, _x_in_columns, OUTPUT | {"form"}),
    core_case(CaseFamily.SHAPE, "tables", RELU, _tables("columns"), OUTPUT | {"form"}),
    core_case(CaseFamily.SHAPE, "permuted", RELU, _permuted, OUTPUT | {"form"}, size=1),
    core_case(CaseFamily.SHAPE, "tables.gaps", RELU, _tables("gaps"), OUTPUT | {"form"}, size=1),
    core_case(CaseFamily.SHAPE, "tables.reversed", RELU, _tables("reversed"), OUTPUT | {"form"}, size=1),
    core_case(CaseFamily.SHAPE, "tables.unaligned", TILED_RELU, _tables("unaligned"), OUTPUT | {"form"}, size=1),
    core_case(CaseFamily.SHAPE, "unaligned", TILED_RELU, _unaligned, OUTPUT | {"form"}, size=1),
    core_case(
        CaseFamily.SHAPE, "masked", RELU, _masked([True, False, True, True, False, False]), {"any", "form", "mode"}
    ),
    core_case(CaseFamily.SHAPE, "uncounted", RELU, _masked([False] * 6), {"any", "form"}),
)
