"""Measures how often rounding changes the selection from a million experts: the figures of SPEC.md, chapter 7.

    python benchmarks/precision.py [--tokens 4096] [--seed 0]

N = 2²⁰, k = 16, d = 128, D = 256; x, W and sub-keys are normal numbers in float32. For each token and head the script
compares the set of the k best experts in float64 with that of narrower arithmetic. It needs half scores only.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from peerspec.reference import select_two_stage

Array = NDArray[Any]
HEADS, N, TOP_K, D_KEY, D_MODEL = 8, 2**20, 16, 128, 256


def plain(x: Array, weight: Array, keys: Array) -> tuple[Array, Array]:
    """Half scores in the dtype of the operands."""
    return _half_scores(x @ weight.T, keys)


def wide(x: Array, weight: Array, keys: Array) -> tuple[Array, Array]:
    """Everything in float64."""
    return plain(*(part.astype(np.float64) for part in (x, weight, keys)))


def rounded_query(x: Array, weight: Array, keys: Array) -> tuple[Array, Array]:
    """float64, with the query rounded to bfloat16."""
    x, weight, keys = (part.astype(np.float64) for part in (x, weight, keys))
    return _half_scores((x @ weight.T).astype(ml_dtypes.bfloat16).astype(np.float64), keys)


def tf32(x: Array, weight: Array, keys: Array) -> tuple[Array, Array]:
    """Both products in TF32: operands with 11 significant bits, sums in float32."""
    return _half_scores(_narrow(_narrow(x) @ _narrow(weight).T), _narrow(keys))


def _half_scores(q: Array, keys: Array) -> tuple[Array, Array]:
    half = q.shape[-1] // 2
    return q[:, :half] @ keys[0].T, q[:, half:] @ keys[1].T


def _narrow(a: Array) -> Array:
    mantissa, exponent = np.frexp(a)
    return np.ldexp(np.rint(np.ldexp(mantissa, 11)), exponent - 11).astype(a.dtype)


ARITHMETIC: dict[str, Callable[[Array, Array, Array], tuple[Array, Array]]] = {
    "query rounded to bfloat16": rounded_query,
    "TF32 products": tf32,
    "float32": plain,
}


def chosen(halves: tuple[Array, Array]) -> Array:
    """The k best experts of each token, by id."""
    parts = (select_two_stage(*(half[at : at + 256] for half in halves), TOP_K) for at in range(0, len(halves[0]), 256))
    return np.sort(np.concatenate([part.indices for part in parts]), -1)


def changed(tokens: int, seed: int) -> dict[str, Array]:
    """By arithmetic [tokens, heads], True where the set differs from that in float64."""
    rng = np.random.default_rng(seed)
    x, keys = (rng.normal(size=shape).astype("f4") for shape in ((tokens, D_MODEL), (2, round(N**0.5), D_KEY // 2)))
    found: dict[str, list[Array]] = {name: [] for name in ARITHMETIC}
    for _ in range(HEADS):
        weight = rng.normal(size=(D_KEY, D_MODEL)).astype("f4")
        truth = chosen(wide(x, weight, keys))
        for name, arithmetic in ARITHMETIC.items():
            found[name].append((chosen(arithmetic(x, weight, keys)) != truth).any(-1))
    return {name: np.stack(columns, -1) for name, columns in found.items()}


def main() -> None:
    """Print, for each arithmetic, the percentage of selections and of tokens that change."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, default=4096)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print(
        f"N = {N}, k = {TOP_K}, d = {D_KEY}, D = {D_MODEL}, h = {HEADS}; {options.tokens} tokens, seed {options.seed}"
    )
    print(f"{'chosen set differs from float64 for':<36} {'one head':>9} {'any head':>9}")
    for name, differs in changed(options.tokens, options.seed).items():
        print(f"{name:<36} {differs.mean():>9.3%} {differs.any(-1).mean():>9.3%}")


if __name__ == "__main__":
    main()
