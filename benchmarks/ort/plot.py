"""The plot: speed of the forward pass at every point."""

from __future__ import annotations

from pathlib import Path

from plots import bars, save
from results import read
from whole import EAGER

__all__ = ["draw"]


def draw(folder: Path) -> list[Path]:
    """Write the plot if there are figures."""
    rows = [row for row in read(folder, "forward")["rows"] if row["variant"] != EAGER]
    if not rows:
        return []
    figure = bars(rows, "Forward pass in ONNX Runtime and torch, N = 2²⁰", against=f"the {EAGER}")
    return [save(figure, folder / "forward.svg")]
