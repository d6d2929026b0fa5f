"""Layers whose expert tables lie on several devices."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.on_devices import on_devices
from support.rounding import APART

PROGRAM = Path(__file__).with_name("several_devices.py")


@pytest.mark.stack(
    "jax",
    "tables over several devices",
    "`sharded.forward` by rows or by width, one or two axes, gradients, batch statistics",
)
@pytest.mark.parametrize(("count", "core"), [(2, True), (3, False), (4, True)])
def test_a_layer_over_several_devices_is_the_layer_on_one(count: int, core: bool) -> None:
    found = on_devices(count, PROGRAM, core=core)
    assert len(found["errors"]) == 18 + 2 * (count == 4)
    for case, errors in found["errors"].items():
        assert errors.get("ids", 0) == 0, (case, errors)
        # by rows each device has other tokens, which batch statistics and XLA's products (not the core's) depend on
        same = "width" in case or (core and "batch norm" not in case)
        assert not same or errors.get("routing", 0) == 0, (case, errors)
        # sums over experts, columns and tokens have another order
        bound = 0 if case.startswith("exact") else APART
        assert all(error <= bound for error in errors.values()), (case, errors)
    for sentence, words in zip(
        found["sentences"],
        [
            "the mesh has the axes experts, got 'rows'",
            'by must be "rows" or "width"',
            f"num_experts 25 does not divide by the {count} devices",
            f"d_model 25 does not divide by the {count} devices",
            "tokens are split over the axis 'experts'",
            "got 'batch' for tokens",
        ],
        strict=True,
    ):
        assert words in sentence
        assert "\n" not in sentence
