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
            "Milliseconds (quartiles), and speed against the paper's Algorithm 1 in eager torch / against the bodies.",
            lambda row: f"{milliseconds(row)} ×{row['speed']:.2g} / ×{row['over_bodies']:.2g}",
        ),
        "stage": Part(
            "Expert stage alone",
            "Random ids; milliseconds, gigabytes a second of rows read, and their share of the fastest gather's.",
            share,
        ),
        "latency": Part(
            "One token",
            "Microseconds a call (quartiles), and the share of it that is ONNX Runtime's: what a call of an empty "
            "model takes, and what `run()` adds.",
            _call,
        ),
        "tables": Part(
            "Tables in fewer bytes", "Milliseconds (quartiles), and speed against the same kernel on float32.", speed
        ),
        "memory": Part(
            "Memory",
            "Peak beyond parameters and tokens, y and the trace included, MiB; a fresh process each. The last column "
            "is the sum of what stages would store, T·(16hk + 8D + 4h(d + 2n)) bytes.",
            mebibytes,
        ),
    }
    return page(folder, "Measured in ONNX Runtime", parts, "python benchmarks/ort")


def _call(row: Row) -> str:
    low, median, high = (f"{row[name] * 1e6:.3g}" for name in ("low", "median", "high"))
    of_runtime = f", {row['overhead']:.0%}" if "overhead" in row else ""
    return f"{median} ({low} … {high}){of_runtime}"
