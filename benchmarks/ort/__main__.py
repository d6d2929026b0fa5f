"""Measures an exported layer in ONNX Runtime, with the kernels and without, and for comparison layers in torch.

    python benchmarks/ort                        all parts, about 15 minutes; figures go to benchmarks/results/ort
    python benchmarks/ort forward --width 256 --tokens 64 512
    python benchmarks/ort --render               only write the page and the plot, from existing figures

The parts are forward, stage, latency, tables and memory. Variants take turns in random order. Figures are medians with
quartiles, and a ratio compares figures of one run with the fastest other implementation in it. The script needs
`pip install -e ".[bench]"` and a C++ compiler.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path

# Thread pools that spin while they wait slow each other down by up to ten times.
SETTINGS = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0"}
if any(os.environ.get(name) != value for name, value in SETTINGS.items()):
    os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | SETTINGS)

BENCHMARKS = Path(__file__).parents[1]
sys.path += [str(BENCHMARKS), str(BENCHMARKS / "cpu")]  # this benchmark uses modules of the CPU benchmark

import torch  # noqa: E402
from footprint import child, footprint  # noqa: E402
from latency import latency  # noqa: E402
from points import Point  # noqa: E402
from results import machine, machines, show, write  # noqa: E402
from sessions import THREADS  # noqa: E402
from stage import stage  # noqa: E402
from verdicts import EXAMPLE, required  # noqa: E402
from whole import GRID, forward, narrow  # noqa: E402

from peerspec.backends.onnxruntime import backend, native  # noqa: E402
from peerspec.conformance import check_backend  # noqa: E402

PARTS = ("forward", "stage", "latency", "tables", "memory")


def measured(part: str, points: list[Point], budget: float) -> Iterator[list[dict[str, object]]]:
    """The rows of one part, point by point."""
    if part == "forward":
        return forward(points, budget)
    if part == "stage":
        return stage([point for point in points if point.tokens > 1], budget)
    if part == "latency":
        return latency([point for point in points if point.tokens == 1], budget)
    if part == "tables":
        return narrow([point for point in points if point.d_model == 256], budget)
    return footprint([point for point in points if point.d_model == 256 and point.tokens > 64])


def render(folder: Path) -> None:
    """Write the page, and the plot of each machine."""
    from page import markdown
    from plot import draw

    if not machines(folder):
        raise SystemExit(f"{folder} holds figures of no machine; run without --render first")
    (folder / "README.md").write_text(markdown(folder))
    plots = [path for one in machines(folder) for path in draw(one)]
    print("wrote", ", ".join(map(str, (folder / "README.md", *plots))))


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="all by default")
    parser.add_argument("--width", type=int, nargs="*", help="only these D")
    parser.add_argument("--tokens", type=int, nargs="*", help="only these T")
    parser.add_argument("--budget", type=float, default=8, help="seconds per point; at least 3 rounds")
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "results" / "ort")
    parser.add_argument("--render", action="store_true", help="measure nothing")
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    options = parsed()
    torch.set_num_threads(THREADS)
    if options.child:
        name, *sizes = options.child
        return child(name, Point(*map(int, sizes)))
    if not options.render:
        backends = {"bodies": backend, "native kernel": native, "PEER-pytorch": f"{EXAMPLE}:softmax"}
        verdicts = {name: str(check_backend(found, size="minimal").verdict) for name, found in backends.items()}
        for name, verdict in required(verdicts).items():
            print(f"{name}: {verdict}", flush=True)
        wanted = [(options.width, "d_model"), (options.tokens, "tokens")]
        points = [p for p in GRID if all(not some or getattr(p, name) in some for some, name in wanted)]
        about = machine("onnxruntime", "onnx")
        for part in options.parts or PARTS:
            for rows in measured(part, points, options.budget):
                show(part, rows)
                write(options.out, part, rows, about)
    render(options.out)


if __name__ == "__main__":
    main()
