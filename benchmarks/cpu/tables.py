"""Figures as one Markdown page."""

from __future__ import annotations

from pathlib import Path

from pages import Part, Row, mebibytes, milliseconds, page, share, speed

__all__ = ["markdown"]


def markdown(folder: Path) -> str:
    """All parts of which there are figures."""
    parts = {
        "forward": Part(
            "Forward pass",
            "Milliseconds (quartiles), and speed against PEER-pytorch in the same run.",
            speed,
        ),
        "backward": Part(
            "Forward and backward pass",
            "Gradients of x and all parameters, of the tables as touched rows; milliseconds (quartiles), and speed.",
            speed,
        ),
        "step": Part(
            "Training step",
            "Forward, backward and update; milliseconds (quartiles), and speed against PEER-pytorch with "
            "`Adam(fused=True)`.",
            speed,
        ),
        "experts": Part(
            "Expert stage alone",
            "Random ids; milliseconds, gigabytes a second of rows read, and their share of the fastest gather's, which "
            "reads the rows of both tables for 64 tokens, then for the next 64.",
            share,
        ),
        "selection": Part("Selection alone", "Half scores to the 16 best; microseconds a row, and speed.", _per_row),
        "memory": Part(
            "Memory",
            "Peak beyond what stood before the pass and beyond y, MiB; a fresh process each.",
            mebibytes,
        ),
        "step-memory": Part(
            "Memory of a training step",
            "Peak beyond parameters and the optimiser's state, MiB; a fresh process each.",
            mebibytes,
        ),
        "jax_step": Part(
            "Training step in JAX",
            "`python benchmarks/cpu/jax_step.py`: forward, gradient and update in one compiled function; milliseconds, "
            "and MiB beyond its donated arguments.",
            lambda row: f"{row['median'] * 1e3:.0f}, {row['bytes_beyond'] / 2**20:,.0f} MiB",
        ),
        "scaling": Part("Scaling", "Milliseconds (quartiles), D = 256.", milliseconds),
    }
    return page(folder, "Measured on the CPU", parts, "python benchmarks/cpu")


def _per_row(row: Row) -> str:
    return f"{row['median'] / row['rows'] * 1e6:.2f} ×{row['speed']:.1f}"
