"""The figures of the CPU benchmark as one Markdown page."""

from __future__ import annotations

from pathlib import Path

from markdown_page import Part, Row, mebibytes, milliseconds, page, rate, speed

__all__ = ["markdown"]


def markdown(folder: Path) -> str:
    """A table for each part that has figures."""
    parts = {
        "forward": Part(
            "Forward pass",
            "Milliseconds (quartiles), and speed relative to PEER-pytorch in the same run.",
            speed,
        ),
        "backward": Part(
            "Forward and backward pass",
            "Gradients of x and all parameters, of the tables as touched rows; milliseconds (quartiles), and speed.",
            speed,
        ),
        "step": Part(
            "Training step",
            "Forward pass, backward pass and update; milliseconds (quartiles), and speed relative to PEER-pytorch with "
            "`Adam(fused=True)`.",
            speed,
        ),
        "experts": Part(
            "Expert stage alone",
            "Random ids; milliseconds, gigabytes of rows read per second, and the percentage of the rate of the "
            "fastest gather. A gather reads the rows of both tables for 64 tokens, then for the next 64.",
            rate,
        ),
        "selection": Part(
            "Selection alone", "From half scores to the 16 best experts; microseconds per row, and speed.", _per_row
        ),
        "memory": Part(
            "Memory",
            "Peak of the memory that a pass adds, without y, MiB; each in a fresh process.",
            mebibytes,
        ),
        "step-memory": Part(
            "Memory of a training step",
            "Peak without parameters and the state of the optimiser, MiB; each in a fresh process.",
            mebibytes,
        ),
        "jax_step": Part(
            "Training step in JAX",
            "`python benchmarks/cpu/jax_step.py`: forward pass, gradients and update in one compiled function; "
            "milliseconds, and MiB in addition to its donated arguments.",
            lambda row: f"{row['median'] * 1e3:.0f}, {row['bytes_beyond'] / 2**20:,.0f} MiB",
        ),
        "scaling": Part("Scaling", "Milliseconds (quartiles), D = 256.", milliseconds),
    }
    return page(folder, "Measured on the CPU", parts, "python benchmarks/cpu")


def _per_row(row: Row) -> str:
    return f"{row['median'] / row['rows'] * 1e6:.2f} ×{row['speed']:.1f}"
