"""Measures the layer on the CPU, and for comparison the paper's Algorithm 1, a public package and dense blocks.

    python benchmarks/cpu --quick                       the ratios of this machine, in two minutes
    python benchmarks/cpu                               all parts, about an hour; figures go to benchmarks/results/cpu
    python benchmarks/cpu forward --sub-keys 1024 --width 256 --only "Algorithm 1" "torch, with the core"
    python benchmarks/cpu --render                      only write the page and the plots, from existing figures

The parts are forward, backward, step, call, stages, experts, selection, memory, step-memory and scaling. Variants take
turns in random order. Figures are medians with quartiles, and a ratio compares figures of one run with the fastest
other implementation in it. This project's layers and PEER-pytorch must pass the conformance suite, and the others must
agree with them at the point that is measured. The script needs `pip install -e ".[bench]"`;
`pip install --no-deps fbgemm-gpu-cpu==1.8.0` adds FBGEMM.
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
sys.path.append(str(Path(__file__).parents[1]))

import backward  # noqa: E402
import call  # noqa: E402
import stages  # noqa: E402
import step  # noqa: E402
import torch  # noqa: E402
from experts import experts  # noqa: E402
from forward import VARIANTS, forward  # noqa: E402
from memory import child, memory, step_memory  # noqa: E402
from points import GRID, Point  # noqa: E402
from quick import quick  # noqa: E402
from results import machine, machines, show, write  # noqa: E402
from scaling import OVER_EXPERTS, OVER_TOKENS, SHOWN, scaling  # noqa: E402
from selection import selection  # noqa: E402
from verdicts import verdicts  # noqa: E402

PARTS = ("forward", "backward", "step", "call", "stages", "experts", "selection", "memory", "step-memory", "scaling")
LAYERS = ["PEER-pytorch", "torch, with the core", "torch, library operations", "Algorithm 1"]


def chosen(points: list[Point], options: argparse.Namespace) -> list[Point]:
    """The points that match the options."""
    wanted = [(options.sub_keys, "n"), (options.width, "d_model"), (options.tokens, "tokens")]
    return [point for point in points if all(not some or getattr(point, name) in some for some, name in wanted)]


def measured(part: str, options: argparse.Namespace) -> Iterator[list[dict[str, object]]]:
    """The rows of one part, point by point."""
    budget = options.budget
    if part == "forward":
        return forward(chosen(GRID, options), options.only or list(VARIANTS), budget)
    if part == "backward":
        return backward.backward(chosen(backward.POINTS, options), budget)
    if part == "step":
        return step.step(chosen(step.POINTS, options), budget)
    if part == "step-memory":
        return step_memory(chosen(step.POINTS, options))
    if part == "call":
        return call.call(chosen(call.POINTS, options), budget)
    if part == "stages":
        return stages.stages(chosen(stages.POINTS, options), budget)
    if part == "experts":
        return experts(chosen(GRID, options), budget)
    if part == "selection":
        return selection(budget)
    if part == "memory":
        grid = [Point(1024, 256, 2048), Point(128, 1024, 2048)]
        return memory(chosen(grid, options), options.only or LAYERS)
    return scaling(chosen([*OVER_EXPERTS, *OVER_TOKENS], options), options.only or SHOWN, budget)


def render(folder: Path) -> None:
    """Write the page, and the plots of each machine."""
    from tables import markdown

    from plots import draw

    if not machines(folder):
        raise SystemExit(f"{folder} holds figures of no machine; run without --render first")
    (folder / "README.md").write_text(markdown(folder))
    plots = [path for one in machines(folder) for path in draw(one)]
    print("wrote", ", ".join(map(str, (folder / "README.md", *plots))))


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="all by default")
    parser.add_argument("--sub-keys", type=int, nargs="*", help="only these n")
    parser.add_argument("--width", type=int, nargs="*", help="only these D")
    parser.add_argument("--tokens", type=int, nargs="*", help="only these T")
    parser.add_argument("--only", nargs="*", choices=VARIANTS, help="only these variants")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--budget", type=float, default=10, help="seconds per point; at least 3 rounds")
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "results" / "cpu")
    parser.add_argument("--quick", action="store_true", help="a few ratios, printed and not kept")
    parser.add_argument("--render", action="store_true", help="measure nothing")
    parser.add_argument("--child", nargs=5, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    options = parsed()
    torch.set_num_threads(options.threads)
    if options.child:
        part, name, *sizes = options.child
        return child(part, name, Point(*map(int, sizes)))
    if options.quick:
        return quick()
    if not options.render:
        for name, verdict in verdicts().items():
            print(f"{name}: {verdict}", flush=True)
        about = machine("jax")
        for part in options.parts or PARTS:
            for rows in measured(part, options):
                show(part, rows)
                write(options.out, part, rows, about)
    render(options.out)


if __name__ == "__main__":
    main()
