"""A few ratios of this machine, in two minutes."""

from __future__ import annotations

import backward
from forward import forward
from points import Point
from rich.console import Console
from rich.table import Table
from variants import BAG, COMPILED, CORE, PACKAGE
from verdicts import verdicts

__all__ = ["quick"]

FORWARD = [CORE, PACKAGE, "Algorithm 1", BAG, COMPILED]
POINTS = [Point(1024, 256, tokens) for tokens in (64, 512)]
SECONDS = 6.0


def quick() -> None:
    """Print how many times as fast as the fastest other implementation the layer is, forward and backward."""
    console = Console()
    with console.status("the conformance suite, on what is measured"):
        found = verdicts(only=(CORE, "torch, gradients as touched rows", PACKAGE))
    console.print(*(f"{name}: {verdict}" for name, verdict in found.items()), sep="\n")
    table = Table(
        "", "T", "ms", "fastest rival", "ms", "cold", "warm", PACKAGE, title="N = 2²⁰, D = 256: times as fast"
    )
    parts = {"forward": forward(POINTS, FORWARD, SECONDS), "with backward": backward.backward(POINTS, SECONDS)}
    with console.status("timing, in turns"):
        for part, points in parts.items():
            for rows in points:
                by_name = {row["variant"]: row for row in rows}
                mine = by_name[CORE]
                rival = by_name[mine["rival"]]
                ratios = (f"{mine[key]:.1f}" for key in ("speed", "speed_warm", "speed_package"))
                times = (f"{row['median'] * 1e3:.2f}" for row in (mine, rival))
                table.add_row(
                    part, str(mine["T"]), next(times), mine["rival"].removeprefix("Algorithm 1, "), next(times), *ratios
                )
    console.print(table)
    console.print("The rivals are PEER-pytorch, and Algorithm 1 with embedding_bag, torch.compile or sparse gradients.")
    console.print("Cold: the caches were overwritten before the call. Warm: the same call again.")
