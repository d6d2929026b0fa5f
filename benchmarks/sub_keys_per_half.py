"""Measures how often a selection from too few sub-keys per half loses an expert: the figures of SPEC.md, annex B.

    python benchmarks/sub_keys_per_half.py [--queries 20000] [--seed 0]

k = 16 and n = 64. A query is one pair of vectors of independent half scores. The script compares the first k experts,
as a set, with the first k of the grid of the best k′ sub-keys per half.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerspec.reference import select_two_stage

Array = NDArray[Any]
TOP_K, N_SUB_KEYS = 16, 64
PER_HALF = (12, 8, 4)
DISTRIBUTIONS: dict[str, Callable[[np.random.Generator, tuple[int, int]], Array]] = {
    "normal": lambda random, shape: random.standard_normal(shape),
    "uniform": lambda random, shape: random.uniform(-1, 1, shape),
    "Laplace": lambda random, shape: random.laplace(size=shape),
}


def share_that_loses(s1: Array, s2: Array, per_half: int) -> float:
    """The share of queries whose set of selected experts differs if only ``per_half`` sub-keys per half are kept."""
    exact = select_two_stage(s1, s2, TOP_K).scores[:, -1]
    best1, best2 = (-np.sort(-s, axis=-1)[:, :per_half] for s in (s1, s2))
    grid = (best1[:, :, None] + best2[:, None, :]).reshape(len(s1), -1)
    kept = -np.sort(-grid, axis=-1)[:, : min(TOP_K, per_half**2)]
    return float((kept.shape[-1] < TOP_K) or (kept[:, -1] < exact).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--queries", type=int, default=20000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    random = np.random.default_rng(options.seed)
    print(f"queries that lose an expert, k = {TOP_K}, n = {N_SUB_KEYS}, {options.queries} queries")
    print("half scores".ljust(12), *(f"k′ = {count}".rjust(8) for count in PER_HALF))
    for name, draw in DISTRIBUTIONS.items():
        s1, s2 = (draw(random, (options.queries, N_SUB_KEYS)) for _ in range(2))
        print(name.ljust(12), *(f"{share_that_loses(s1, s2, count):8.1%}" for count in PER_HALF))


if __name__ == "__main__":
    main()
