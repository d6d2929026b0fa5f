"""Measures the native core and library operations: selection, and the expert stage with its gradients.

    python benchmarks/native.py [--tokens 512] [--d-model 256] [--sub-keys 512] [--threads 2] [--repeats 15]

h = 8, k = 16, float32, random ids (the worst case for locality), N the square of the sub-keys. Variants take turns, so
that a slow moment of the machine affects all of them; figures are medians and quartiles. "gather" only reads random
rows of the same tables, which is the limit of the memory.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable

# Thread pools that spin while they wait slow each other down by up to ten times.
SETTINGS = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0"}
if any(os.environ.get(name) != value for name, value in SETTINGS.items()):
    os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | SETTINGS)

import numpy as np  # noqa: E402
import torch  # noqa: E402

from peerspec import native  # noqa: E402
from peerspec.backends.torch.experts import expert_stage  # noqa: E402
from peerspec.backends.torch.kernels import library_operations  # noqa: E402
from peerspec.backends.torch.selection import select  # noqa: E402
from peerspec.reference import PeerConfig  # noqa: E402

HEADS, K = 8, 16
Variants = dict[str, Callable[[], object]]


def timed(variants: Variants, repeats: int) -> dict[str, np.ndarray]:
    """The quartiles of the seconds of each variant, in turns, after one round that only warms up."""
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    for turn in range(repeats + 1):
        for name, work in variants.items():
            start = time.perf_counter()
            work()
            if turn:
                seconds[name].append(time.perf_counter() - start)
    return {name: np.quantile(taken, [0.25, 0.5, 0.75]) for name, taken in seconds.items()}


def report(title: str, variants: Variants, repeats: int, baseline: str, gigabytes: float = 0) -> None:
    print(f"\n{title}\n{'':28}{'ms':>9}{'quartiles':>18}{'speed':>8}" + (f"{'GB/s':>8}" if gigabytes else ""))
    quartiles = timed(variants, repeats)
    for name, (low, middle, high) in quartiles.items():
        quartile_text, speed = f"{low * 1e3:.2f} … {high * 1e3:.2f}", quartiles[baseline][1] / middle
        rate = f"{gigabytes / middle:8.1f}" if gigabytes else ""
        print(f"{name:28}{middle * 1e3:9.2f}{quartile_text:>18}{f'×{speed:.1f}':>8}{rate}", flush=True)


def selection(options: argparse.Namespace, rng: np.random.Generator) -> None:
    rows, n = options.tokens * HEADS, 1024
    s1, s2 = rng.standard_normal((2, min(rows, 1024), n), dtype=np.float32)
    first, second = torch.from_numpy(s1), torch.from_numpy(s2)

    def library() -> object:
        with library_operations():
            return select(first, second, K)

    variants: Variants = {
        "torch.topk of both halves": lambda: (first.topk(K), second.topk(K)),
        "torch, library operations": library,
        "torch, with the core": lambda: select(first, second, K),
        "native": lambda: native.select(s1, s2, K, threads=options.threads),
    }
    report(f"selection, {len(s1)} rows, 2 × 1024 → 16", variants, options.repeats, next(iter(variants)))


def experts(options: argparse.Namespace, rng: np.random.Generator) -> None:
    width, count, pairs = options.d_model, options.sub_keys**2, HEADS * K
    config = PeerConfig(width, HEADS, count, K, 128)
    u, v = (rng.standard_normal((count, width), dtype=np.float32) for _ in "uv")
    x, dy = rng.standard_normal((2, options.tokens, width), dtype=np.float32)
    ids, gates = rng.integers(0, count, (options.tokens, pairs)), rng.random((options.tokens, pairs), dtype=np.float32)
    tables = native.ExpertTables(u, v)
    tu, tv, tx, tids, tgates, tdy = (torch.from_numpy(array) for array in (u, v, x, ids, gates, dy))

    def naive() -> torch.Tensor:
        weights = torch.nn.functional.gelu(torch.einsum("tkd,td->tk", tu[tids], tx)) * tgates
        return torch.einsum("tk,tkd->td", weights, tv[tids])

    def library() -> torch.Tensor:
        with library_operations():
            return expert_stage(config, {"experts.u": tu, "experts.v": tv}, tx, tids, tgates)

    def gather() -> None:
        native.gather_sum(u, ids, gates, threads=options.threads)
        native.gather_sum(v, ids, gates, threads=options.threads)

    def gradients() -> None:
        found = native.expert_stage_backward(tables, x, ids, gates, dy, threads=options.threads)
        by_row = native.sort_ids(ids, count)
        native.scatter_sum(by_row, found.weights["u"], x, threads=options.threads)
        native.scatter_sum(by_row, found.weights["v"], dy, threads=options.threads)

    def library_gradients() -> None:
        leaves = [tensor.detach().requires_grad_() for tensor in (tu, tv, tx, tgates)]
        params = {"experts.u": leaves[0], "experts.v": leaves[1]}
        with library_operations():
            torch.autograd.grad(expert_stage(config, params, leaves[2], tids, leaves[3]), leaves, tdy)

    np.testing.assert_allclose(native.expert_stage(tables, x, ids, gates), naive().numpy(), rtol=1e-3, atol=1e-2)
    title = f"N = {count}, D = {width}, T = {options.tokens}"
    forward: Variants = {
        "gather + einsum": naive,
        "torch, library operations": library,
        "native": lambda: native.expert_stage(tables, x, ids, gates, threads=options.threads),
        "gather": gather,
    }
    moved = options.tokens * pairs * width * 8 / 1e9
    report(f"expert stage, {title}", forward, options.repeats, "gather + einsum", moved)
    backward: Variants = {"torch, forward and backward": library_gradients, "native, backward": gradients}
    report(f"gradients, {title}", backward, min(options.repeats, 5), "torch, forward and backward")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, default=512)
    parser.add_argument("--d-model", type=int, default=256)
    parser.add_argument("--sub-keys", type=int, default=512)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=15)
    options = parser.parse_args()
    if not native.available():
        sys.exit(native.unavailable_reason())
    torch.set_num_threads(options.threads)
    print(f"{native.best_isa()}, {options.threads} threads, torch {torch.__version__}, NumPy {np.__version__}")
    rng = np.random.default_rng(0)
    selection(options, rng)
    experts(options, rng)


if __name__ == "__main__":
    main()
