"""The figures of the ONNX Runtime benchmark as one Markdown page."""

from __future__ import annotations

from pathlib import Path

from markdown_page import Part, Row, mebibytes, milliseconds, page, rate, states

__all__ = ["markdown"]


def markdown(folder: Path) -> str:
    """A table for each part that has figures."""
    parts = {
        "forward": Part(
            "Forward pass",
            "Milliseconds (quartiles), and how many times as fast as the fastest other implementation, in torch; then "
            "all medians, cold / warm.",
            states,
            ("native kernel", "bodies"),
        ),
        "stage": Part(
            "Expert stage alone",
            "Random ids; milliseconds, gigabytes of rows read per second, and the percentage of the rate of the "
            "fastest gather.",
            rate,
        ),
        "latency": Part(
            "One token",
            "Microseconds per call (quartiles), and the percentage that ONNX Runtime needs: the time of a call of an "
            "empty model, and the time that `run()` adds.",
            _call,
        ),
        "tables": Part(
            "Tables in fewer bytes",
            "Milliseconds (quartiles), and speed relative to the kernel on float32.",
            lambda row: f"{milliseconds(row)} ×{row['speed']:.2g}",
        ),
        "memory": Part(
            "Memory",
            "Peak with y and the routing, without parameters and tokens, MiB; each in a fresh process. The last column "
            "is the memory that single stages would store, T·(16hk + 8D + 4h(d + 2n)) bytes.",
            mebibytes,
        ),
    }
    return page(folder, "Measured in ONNX Runtime", parts, "python benchmarks/ort")


def _call(row: Row) -> str:
    low, median, high = (f"{row[name] * 1e6:.3g}" for name in ("low", "median", "high"))
    of_runtime = f", {row['overhead']:.0%}" if "overhead" in row else ""
    return f"{median} ({low} … {high}){of_runtime}"
