"""Inference from a layer file that is larger than memory, or not yet in it.

    python benchmarks/memory_mapped.py [--num-experts 16777216] [--d-model 256] [--folder build]
                                       [--write benchmarks/results/memory_mapped.json]

It writes a layer file, drops it from the cache of the system, evaluates new tokens for some time, and then the last
tokens again. The file is removed at the end.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import sys
import time
from pathlib import Path

import numpy as np
import torch

from peerspec.backends.torch import PEER
from peerspec.reference import PeerConfig
from peerspec.reference.initial import STARTS_AT_ONE, initial_scales
from peerspec.reference.parts import begin, open_parts

PIECE = 1 << 20
"""Rows of tables that are drawn once and written again and again."""
LIMIT = 20.0
"""Seconds for each number of tokens."""


def write(config: PeerConfig, path: Path) -> None:
    """A layer file of float32, a piece at a time."""
    generator, scales = np.random.default_rng(0), initial_scales(config)
    with path.open("wb") as stream:
        begin(config, np.dtype(np.float32), stream)
    for name, array in open_parts(path).items():
        if name not in scales:
            array[...] = name in STARTS_AT_ONE
            continue
        piece = generator.standard_normal((min(PIECE, len(array)), *array.shape[1:]), np.float32) * scales[name]
        for start in range(0, len(array), len(piece)):
            array[start : start + len(piece)] = piece[: len(array) - start]
            print(
                f"\rwriting {name}: {min(start + len(piece), len(array)):,} of {len(array):,} rows", end="", flush=True
            )
        print()


def forget(path: Path) -> None:
    """Drop the file from the cache of the system."""
    with path.open("rb") as stream:
        os.fsync(stream.fileno())
        os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def resident(path: Path) -> int:
    """Bytes of the file that are mapped into memory of this process."""
    parts = re.split(r"\n(?=[0-9a-f]+-[0-9a-f]+ )", Path("/proc/self/smaps").read_text("utf-8"))
    own = [part for part in parts if str(path.resolve()) in part.split("\n")[0]]
    return 1024 * sum(int(found) for part in own for found in re.findall(r"^Rss: +(\d+) kB", part, re.M))


def rate(layer: PEER, batches: list[torch.Tensor]) -> float:
    """Tokens per second."""
    begun = time.perf_counter()
    for batch in batches:
        layer(batch)
    return sum(map(len, batches)) / (time.perf_counter() - begun)


@torch.no_grad()
def measure(path: Path, tokens: int) -> dict[str, float]:
    """Rates cold, after some time of new tokens, and of the same tokens again."""
    forget(path)
    layer = PEER.load(path, mmap=True)
    width = layer.config.d_model
    layer(torch.randn(1, width))  # the sub-keys, which every token reads
    cold = rate(layer, [torch.randn(tokens, width) for _ in range(4)])
    begun, late = time.perf_counter(), cold
    while time.perf_counter() - begun < LIMIT:
        batches = [torch.randn(tokens, width) for _ in range(8)]
        late = rate(layer, batches)
    return {"cold": cold, "late": late, "again": rate(layer, batches), "resident": resident(path)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--num-experts", type=int, default=4096**2)
    parser.add_argument("--d-model", type=int, default=256)
    parser.add_argument("--folder", type=Path, default=Path("build"))
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    config = PeerConfig(d_model=options.d_model, heads=8, num_experts=options.num_experts, top_k=16, d_key=128)
    options.folder.mkdir(exist_ok=True)
    path = options.folder / "memory_mapped.safetensors"
    try:
        write(config, path)
        size, memory = path.stat().st_size, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        print(f"file of {size / 1e9:.1f} GB, memory of {memory / 1e9:.1f} GB, {torch.get_num_threads()} threads")
        print(f"{'tokens':>7} {'cold':>9} {'late':>9} {'again':>9} {'resident':>10}    tokens per second")
        rows = []
        for tokens in (1, 64, 512):
            row = {"tokens": tokens, **measure(path, tokens)}
            rows.append(row)
            rates = " ".join(f"{row[name]:9.0f}" for name in ("cold", "late", "again"))
            print(f"{tokens:7} {rates} {row['resident'] / 1e9:7.2f} GB", flush=True)
    finally:
        path.unlink(missing_ok=True)
    if options.write:
        about = {"file": size, "memory": memory, "num_experts": options.num_experts, "d_model": options.d_model}
        machine = {"processor": platform.processor(), "threads": torch.get_num_threads()}
        options.write.write_text(json.dumps({**about, **machine, "rows": rows}, indent=1) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
