"""The plot: speed of the forward pass at every point."""

from __future__ import annotations

from pathlib import Path

from results import read

from plots import bars, save

__all__ = ["draw"]


def draw(folder: Path) -> list[Path]:
    """Write the plot of one machine if there are figures."""
    rows = read(folder, "forward")["rows"]
    if not rows:
        return []
    figure = bars(rows, "Forward pass in ONNX Runtime and torch, N = 2²⁰")
    return [save(figure, folder / "forward.svg")]
