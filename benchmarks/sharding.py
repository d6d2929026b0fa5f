"""What a sharded layer sends for each token, and how evenly its work is spread.

    python benchmarks/sharding.py [--write benchmarks/results/sharding.json]

The traffic follows from the configuration. For 2 to 4 processes it is also measured here: the bytes that the loopback
device of this machine sends, while torch evaluates and differentiates a layer over gloo. The spread of work is
simulated for up to 1,024 processes: pairs of sub-keys are drawn, evenly or by Zipf's law, and the load of a process
is the number of pairs whose expert it owns.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from peerspec.reference import PeerConfig

CONFIG = PeerConfig(d_model=256, heads=8, num_experts=256**2, top_k=16, d_key=128)
NUMBER, ID, COUNT = 4, 8, 8
"""Bytes of a float32 number, of an id, and of the number of pairs that go with a token."""
TOKENS = 2048
LOOPBACK = Path("/sys/class/net/lo/statistics/tx_bytes")


def traffic(config: PeerConfig, processes: int, by: str) -> dict[str, float]:
    """Bytes that a process sends for each token that it evaluates, forward and backward, if selections are even."""
    pairs, width, remote = config.heads * config.top_k, config.d_model, 1 - 1 / processes
    tables = 2 if config.expert == "glu" else 1
    if by == "width":
        # a ring sends every number twice but for its own part; joined columns go to all others
        reduced = 2 * remote * pairs * NUMBER
        joined = remote * NUMBER
        return {"forward": tables * reduced + joined * config.d_out, "backward": reduced + joined * width}
    owners = processes * (1 - (1 - 1 / processes) ** pairs) * remote
    forth = owners * (width * NUMBER + COUNT) + pairs * remote * (ID + NUMBER)
    back = owners * config.d_out * NUMBER
    upstream = owners * config.d_out * NUMBER
    gradients = owners * width * NUMBER + pairs * remote * NUMBER
    return {"forward": forth + back, "backward": upstream + gradients}


def skew(config: PeerConfig, processes: int, exponent: float, seed: int = 0) -> float:
    """The load of the busiest process by rows as a multiple of the mean; both sub-keys of a pair follow Zipf's law."""
    generator = np.random.default_rng(seed)
    share = 1 / np.arange(1, config.n + 1) ** exponent
    halves = [
        generator.choice(generator.permutation(config.n), TOKENS * config.heads * config.top_k, p=share / share.sum())
        for _ in range(2)
    ]
    owners = (halves[0] * config.n + halves[1]) // -(-config.num_experts // processes)
    load = np.bincount(owners, minlength=processes)
    return float(load.max() / load.mean())


def measured(processes: int, by: str) -> dict[str, float]:
    """Bytes on the loopback device for each token, and the time of a pass, over gloo."""
    import torch
    from torch import multiprocessing

    with tempfile.TemporaryDirectory() as folder:
        context = multiprocessing.spawn(_measure, (processes, by, folder), nprocs=processes, join=False)
        while not context.join(timeout=300):
            pass
        found: dict[str, float] = json.loads(Path(folder, "found").read_text("utf-8"))
    del torch
    return found


def _measure(rank: int, processes: int, by: str, folder: str) -> None:
    import os

    import torch
    from torch import distributed
    from torch.distributed.device_mesh import init_device_mesh

    from peerspec.backends.torch import PEER
    from peerspec.backends.torch.sharded import shard

    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=processes)
    torch.manual_seed(0)
    layer = shard(PEER(CONFIG), init_device_mesh("cpu", (processes,)), by=by)  # type: ignore[arg-type]
    torch.manual_seed(rank if by == "rows" else 0)
    x = torch.randn(TOKENS, CONFIG.d_model, requires_grad=True)
    layer(x).sum().backward()
    found: dict[str, Any] = {}
    for part in ("forward", "backward"):
        y = layer(x) if part == "backward" else None
        distributed.barrier()
        before, begun = int(LOOPBACK.read_text()), time.perf_counter()
        y = layer(x) if y is None else y.sum().backward()
        distributed.barrier()
        found[f"{part} ms"] = (time.perf_counter() - begun) * 1e3
        # by width all processes evaluate the same tokens, and each sends its part for all of them
        found[part] = (int(LOOPBACK.read_text()) - before) / processes / TOKENS
    if rank == 0:
        Path(folder, "found").write_text(json.dumps(found), "utf-8")
    distributed.destroy_process_group()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    sent: list[dict[str, Any]] = []
    print(f"D = M = {CONFIG.d_model}, h·k = {CONFIG.heads * CONFIG.top_k}, float32: bytes sent for each token")
    print(f"{'processes':>9} {'by':>6} {'forward':>9} {'measured':>9} {'backward':>9} {'measured':>9}")
    for processes in (2, 3, 4, 16, 64, 256, 1024):
        for by in ("rows", "width"):
            row: dict[str, Any] = {"processes": processes, "by": by, "model": traffic(CONFIG, processes, by)}
            if processes <= 4 and LOOPBACK.exists():
                row["measured"] = measured(processes, by)
            sent.append(row)
            cells = [
                f"{row[kind][part]:9.0f}" if kind in row else " " * 9
                for part in ("forward", "backward")
                for kind in ("model", "measured")
            ]
            print(f"{processes:9} {by:>6} {' '.join(cells)}", flush=True)
    large = PeerConfig(d_model=256, heads=8, num_experts=1024**2, top_k=16, d_key=128)
    loads = [
        {"processes": processes, "exponent": exponent, "busiest": skew(large, processes, exponent)}
        for processes in (2, 16, 64, 256, 1024)
        for exponent in (0.0, 0.5, 1.0)
    ]
    print("\nN = 2²⁰ by rows: load of the busiest process as a multiple of the mean, for Zipf's exponent")
    print(f"{'processes':>9} {'0 (even)':>9} {'0.5':>9} {'1':>9}")
    for processes in dict.fromkeys(load["processes"] for load in loads):
        busiest = [load["busiest"] for load in loads if load["processes"] == processes]
        print(f"{processes:9} {' '.join(f'{each:9.2f}' for each in busiest)}")
    if options.write:
        options.write.write_text(json.dumps({"sent": sent, "loads": loads}, indent=1) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
