"""The figures of the CPU benchmark as one Markdown page."""

from __future__ import annotations

from pathlib import Path

from markdown_page import Part, Row, mebibytes, milliseconds, page, rate, states

__all__ = ["markdown"]

OURS = ("torch, ", "JAX, ")
RATIOS = (
    "Milliseconds (quartiles), and how many times as fast as the fastest other implementation; then all medians, "
    "cold / warm."
)


def markdown(folder: Path) -> str:
    """A table for each part that has figures."""
    parts = {
        "forward": Part("Forward pass", RATIOS, states, OURS),
        "backward": Part(
            "Forward and backward pass",
            f"Gradients of x and all parameters, of the tables as touched rows where the variant has them. {RATIOS}",
            states,
            OURS,
        ),
        "step": Part(
            "Training step",
            f"Forward pass, backward pass and update; a rival has an optimiser of the same kind. {RATIOS}",
            states,
            OURS,
        ),
        "call": Part(
            "A call from Python",
            "The module on few tokens, and the function of the core on arguments that are prepared; milliseconds, warm "
            "caches, and times the function.",
            lambda row: f"{row['median'] * 1e3:.3g}, {row['times_core']:.2f}×",
        ),
        "stages": Part(
            "Stages",
            "Each stage of a forward pass alone, of the core; milliseconds, and the percentage of its limit: products "
            "of the peak rate of fused multiply-adds, experts of the fastest gather of the same rows.",
            _stage,
        ),
        "experts": Part(
            "Expert stage alone",
            "Random ids; milliseconds, gigabytes of rows read per second, and the percentage of the rate of the "
            "fastest gather. A gather reads the rows of both tables for 64 tokens, then for the next 64.",
            rate,
        ),
        "selection": Part(
            "Selection alone",
            "From half scores to the 16 best experts; microseconds per row, and speed relative to `topk` of both "
            "halves.",
            _per_row,
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
        "scaling": Part("Scaling", "Milliseconds (quartiles), cold, D = 256.", milliseconds),
    }
    return page(folder, "Measured on the CPU", parts, "python benchmarks/cpu")


def _per_row(row: Row) -> str:
    return f"{row['median'] / row['rows'] * 1e6:.2f} ×{row['speed']:.1f}"


def _stage(row: Row) -> str:
    share = f", {row['of_limit']:.0%}" if "of_limit" in row else ""
    return f"{row['median'] * 1e3:.3g}{share}"
