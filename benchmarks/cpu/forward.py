"""The forward pass at every point of the grid."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import jax_layer
import torch
import variants
from points import Bench, Point, benches
from ratios import compared
from timing import in_turns
from variants import BAG, COMPILED, CORE, LIBRARY, PACKAGE

__all__ = ["RIVALS", "VARIANTS", "forward", "unavailable_reason"]

RIVALS: dict[str, variants.Maker] = {
    PACKAGE: variants.peer_pytorch,
    "Algorithm 1": variants.paper,
    BAG: partial(variants.paper, bag=True),
    "PEER-pytorch, torch.compile": partial(variants.peer_pytorch, compiled=True),
    "Algorithm 1, torch.compile": partial(variants.paper, compiled=True),
    COMPILED: partial(variants.paper, bag=True, compiled=True),
}
"""Other implementations of the same function."""

VARIANTS: dict[str, variants.Maker] = {
    CORE: variants.with_core,
    LIBRARY: variants.library,
    "JAX, with the core": jax_layer.with_core,
    "JAX, library operations": jax_layer.library,
    **RIVALS,
    "dense FFN of equal FLOPs": variants.of_equal_flops,
    "dense FFN of equal parameters": variants.of_equal_parameters,
}

NEAR, MOST_TOKENS = 1e-3, 0.99
"""When two y agree, and the share of tokens for which they must.

Rounding changes y by at most (D + h·k)·2⁻²⁴ of the sum of its terms, 7e-5 for D = 1024, and terms of random signs
cancel to a tenth of that sum. One other expert of 128 changes y by nine percent. The share is a guard against another
formula, not a bound: a near tie of the last selected score may change an expert.
"""
MAX_HIDDEN_BYTES = 1 << 32
"""Bytes of hidden activations above which a dense block does not run, because the tables need the memory."""
MAX_FLOPS = 10**12
"""Operations above which a dense block does not run, because a turn takes more than about eight seconds."""


def unavailable_reason(name: str, point: Point) -> str:
    """Why a variant does not run at a point; empty if it runs."""
    if name != "dense FFN of equal parameters":
        return ""
    flops, hidden = 4 * point.d_model * point.n**2 * point.tokens, 4 * point.n**2 * point.tokens
    if hidden > MAX_HIDDEN_BYTES:
        return f"its hidden activations alone take {hidden / 2**30:.0f} GiB"
    return f"{flops / 1e12:.1f} TFLOP a turn" if flops > MAX_FLOPS else ""


def forward(points: Sequence[Point], names: Sequence[str], budget: float) -> Iterator[list[dict[str, object]]]:
    """The rows of each point."""
    for bench in benches(list(points)):
        yield rows_of(bench, names, budget)


def require_agreement(work: Mapping[str, variants.Work]) -> None:
    """Check that all compute one function: where scores nearly tie, rounding may choose other experts for some tokens.

    Raises:
        SystemExit: a variant gives more than one token in a hundred another y.
    """
    (name, first), *others = work.items()
    want = first()
    for other, turn in others:
        near = (turn() - want).norm(dim=1) <= NEAR * want.norm(dim=1)
        if near.float().mean() < MOST_TOKENS:
            raise SystemExit(f"{other} and {name} agree on {near.float().mean():.1%} of the tokens only")


def rows_of(bench: Bench, names: Sequence[str], budget: float) -> list[dict[str, object]]:
    reasons = {name: unavailable_reason(name, bench.point) for name in names}
    work = {name: VARIANTS[name](bench) for name in names if not reasons[name]}
    with torch.inference_mode():
        require_agreement({name: turn for name, turn in work.items() if "dense" not in name})
        found = in_turns(work, budget, advance=bench.advance)
    torch.compiler.reset()
    rows = compared(bench.point.as_row(), found, list(RIVALS))
    return rows + [
        {**bench.point.as_row(), "variant": name, "absent": reason} for name, reason in reasons.items() if reason
    ]
