"""Measures the memory of a forward pass and of an export with a million experts, relative to an array of all N scores.

    python benchmarks/million.py [--tokens 64] [--d-model 256] [--only torch jax export]

h = 8, k = 16, d = 128, N = 2²⁰. Every variant runs in a fresh process. Memory is anonymous memory: tables from a
file are mapped and use the page cache only. "beyond" is the peak of the memory that forward passes add.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from peerspec.conformance.inputs import dyadic
from peerspec.reference import Layer, PeerConfig

MIB = 2**20
VARIANTS = ("torch", "jax", "export")


def anonymous() -> int:
    """The anonymous memory of this process, in bytes."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("RssAnon"))


def measured(work: Callable[[], Any], *, at_least: float = 0) -> dict[str, float]:
    """Seconds of one run, and the peak of additional anonymous memory, sampled every 2 ms.

    ``work`` repeats for ``at_least`` seconds, so that samples hit the peak of a run of a few milliseconds.
    """
    before, peak, done = anonymous(), [0], threading.Event()

    def watch() -> None:
        while not done.wait(0.002):
            peak[0] = max(peak[0], anonymous())

    thread = threading.Thread(target=watch)
    thread.start()
    start, runs, seconds = time.perf_counter(), 0, 0.0
    try:
        while runs == 0 or seconds < at_least:
            work()
            runs, seconds = runs + 1, time.perf_counter() - start
    finally:
        done.set()
        thread.join()
    return {"seconds": seconds / runs, "beyond": float(max(peak[0] - before, 0)), "before": float(before)}


def run_torch(layer: Layer, x: np.ndarray, folder: Path) -> dict[str, float]:
    import torch

    from peerspec.backends.torch import PEER

    module = PEER.from_layer(layer).eval()
    tokens = torch.from_numpy(x)
    with torch.no_grad():
        module(tokens[:1])
        return measured(lambda: module(tokens), at_least=1)


def run_jax(layer: Layer, x: np.ndarray, folder: Path) -> dict[str, float]:
    import jax

    from peerspec.backends.jax import forward, params_from_layer

    params, tokens = jax.block_until_ready((params_from_layer(layer), jax.numpy.asarray(x)))
    run = jax.jit(lambda params, x: forward(layer.config, params, x).y)
    run(params, tokens[:1]).block_until_ready()
    run.lower(params, tokens).compile()
    return measured(lambda: run(params, tokens).block_until_ready(), at_least=1)


def run_export(layer: Layer, x: np.ndarray, folder: Path) -> dict[str, float]:
    from peerspec.export import export

    result = measured(lambda: export(layer, folder / "layer.onnx"))
    return result | {"bytes": float(sum(file.stat().st_size for file in folder.glob("layer.onnx*")))}


def child(variant: str, path: Path, tokens: int) -> None:
    layer = Layer.load(path)
    x = dyadic(seed=0, name="x", shape=(tokens, layer.config.d_model), bits=24, exponent=0, dtype=np.float32)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        run = {"torch": run_torch, "jax": run_jax, "export": run_export}[variant]
        print(json.dumps(run(layer, x, Path(folder))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--d-model", type=int, default=256)
    parser.add_argument("--only", nargs="*", choices=VARIANTS, default=VARIANTS)
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options.child[0], Path(options.child[1]), options.tokens)
        return
    config = PeerConfig(options.d_model, 8, 1024**2, 16, 128, activation="gelu")
    scores = options.tokens * config.heads * config.num_experts * 4
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "layer.safetensors"
        print(
            f"writing a layer of N = 2²⁰ experts, {2 * config.num_experts * options.d_model * 4 / MIB:,.0f} MiB",
            flush=True,
        )
        Layer.random(config).save(path)
        print(f"N scores per token and head for {options.tokens} tokens would be {scores / MIB:,.0f} MiB\n")
        print(f"{'variant':10}{'seconds':>10}{'before':>14}{'beyond':>14}{'of N scores':>14}")
        for variant in options.only:
            command = [sys.executable, __file__, "--tokens", str(options.tokens), "--child", variant, str(path)]
            row = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            fraction = f"{row['beyond'] / scores:.1%}" if variant != "export" else ""
            before, beyond = (f"{row[part] / MIB:,.0f} MiB" for part in ("before", "beyond"))
            print(
                f"{variant:10}{row['seconds']:10.3f}{before:>14}{beyond:>14}{fraction:>14}",
                flush=True,
            )


if __name__ == "__main__":
    main()
