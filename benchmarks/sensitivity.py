"""The smallest error that the suite finds: the reference with one stage scaled by 1 + 2⁻ᵏ, at the default size.

The largest k that is found is printed for each stage and precision; the smallest relative error found is 2⁻ᵏ.
For comparison: one rounding inside costs up to 2⁻²⁴ (float64: 2⁻⁵³), one of y in bfloat16 2⁻⁸, in float16 2⁻¹¹.
Run ``python benchmarks/sensitivity.py``; it takes about a minute.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from peerspec import reference
from peerspec.conformance import check_backend
from peerspec.reference import DTYPES, Layer, Output
from peerspec.reference.experts import expert_weights
from peerspec.reference.forward import flatten
from peerspec.reference.gates import gates
from peerspec.reference.half_scores import half_scores
from peerspec.reference.query import query
from peerspec.reference.query_norm import query_norm
from peerspec.reference.rows import gather_sum
from peerspec.reference.selection import select_two_stage

STAGES = ("query", "scores", "gates", "weights", "y", "gradients")


class Scaled:
    """The reference, float64 inside, with one stage scaled by ``factor``."""

    name = "scaled"

    def __init__(self, precision: str, stage: str, factor: float) -> None:
        self.profiles = frozenset({precision, "training"})
        self.stage, self.factor = stage, factor

    def _at(self, stage: str, value: Any) -> Any:
        return value * self.factor if stage == self.stage else value

    def forward(self, layer: Layer, x: Any, *, mask: Any = None, training: bool = False) -> Output:
        """``reference.forward``, stage by stage."""
        tokens, mask, lead = flatten(layer, x, mask)
        tokens = tokens.astype(np.float64)
        compute_dtype = np.float64 if layer.dtype == np.float64 else np.float32
        with np.errstate(all="ignore"):
            q = self._at("query", query_norm(layer, query(layer, tokens), mask=mask, training=training)[0])
            scores, ids = select_two_stage(*half_scores(layer, q), layer.config.top_k)
            scores = self._at("scores", scores)
            gate = self._at("gates", gates(layer.config.gate, scores))
            y = self._at(
                "y",
                gather_sum(
                    layer.params["experts.v"], ids, gate * self._at("weights", expert_weights(layer, tokens, ids))
                ),
            )
            pairs = (*lead, layer.config.heads, layer.config.top_k)
            return Output(
                y.astype(layer.dtype).reshape(*lead, layer.config.d_out),
                scores.astype(compute_dtype).reshape(pairs),
                ids.reshape(pairs),
                gate.astype(compute_dtype).reshape(pairs),
            )

    def gradients(self, layer: Layer, x: Any, dy: Any, *, mask: Any = None) -> dict[str, Any]:
        """``reference.gradients``, scaled."""
        grads = reference.gradients(layer, x, dy, mask=mask)
        return {name: self._at("gradients", grad).astype(layer.dtype) for name, grad in grads.items()}


THROUGH = {stage: ["output.heads", "output.twins"] for stage in STAGES} | {
    "gradients": ["gradients.keys", "gradients.query", "gradients.x"]
}
"""Checks whose cases have full significands only; exact cases find smaller errors."""


def finest(precision: str, stage: str, only: list[str] | None) -> int:
    """The largest k whose error of 2⁻ᵏ is found, by bisection."""
    low, high = 0, 60
    while high - low > 1:
        middle = (low + high) // 2
        backend = Scaled(precision, stage, 1 + 2.0**-middle)
        found = not check_backend(backend, only=only, stop_early=True).conformant
        low, high = (middle, high) if found else (low, middle)
    return low


def main() -> None:
    """Print the figures of all checks, then those of y and gradients in numeric cases alone."""
    for title, restrict in (("all checks", False), ("numeric y and gradients", True)):
        print(f"{title:<24}", *(f"{precision:>10}" for precision in DTYPES))
        for stage in STAGES:
            row = [finest(precision, stage, THROUGH[stage] if restrict else None) for precision in DTYPES]
            print(f"{stage:<24}", *(f"{f'2^-{k}':>10}" for k in row), flush=True)


if __name__ == "__main__":
    main()
