"""A mixture of experts in which each expert chooses its tokens (SPEC.md, XCM-3 … XCM-7).

The choice of an expert looks at all tokens of a call, so the output of a token depends on the others, later ones
included (XCM-6).
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from peerspec.reference.comparison.blocks import expert_blocks, expert_blocks_backward
from peerspec.reference.comparison.config import ExpertChoiceConfig
from peerspec.reference.comparison.layer import ComparisonLayer
from peerspec.reference.comparison.output import ExpertChoiceOutput
from peerspec.reference.comparison.router import eligible, logits, router_backward, softmax_backward, tables_of
from peerspec.reference.gates import softmax

__all__ = ["choose_tokens", "expert_choice", "expert_choice_backward"]

Scores = Float[np.ndarray, "T E"]
Chosen = Bool[np.ndarray, "T E"]


def expert_choice(
    config: ExpertChoiceConfig,
    layer: ComparisonLayer,
    x: Float[np.ndarray, "T D"],
    mask: Bool[np.ndarray, " T"],
    chosen: Chosen | None = None,
) -> ExpertChoiceOutput:
    """y and the routing of tokens; the tokens are chosen by default."""
    logit = logits(layer, x)
    scores, computed = softmax(logit), eligible(mask, logit)
    if chosen is None:
        chosen = choose_tokens(scores, computed, config.capacity(int(mask.sum())))
    y = expert_blocks(config, tables_of(layer), x, scores, chosen)
    y[mask & ~computed] = np.nan
    return ExpertChoiceOutput(y, scores, chosen)


def choose_tokens(scores: Scores, computed: Bool[np.ndarray, " T"], capacity: int) -> Chosen:
    """The tokens of each expert: the ``capacity`` eligible ones by larger score, then lower token (XCM-5).

    Example:
        >>> choose_tokens(np.array([[0.5], [0.75], [0.5]]), np.array([True, True, True]), 2).T
        array([[ True,  True, False]])
    """
    tokens = np.flatnonzero(computed)
    best = np.argsort(-scores[tokens], axis=0, kind="stable")[:capacity]
    chosen = np.zeros(scores.shape, bool)
    np.put_along_axis(chosen, tokens[best], True, 0)
    return chosen


def expert_choice_backward(
    config: ExpertChoiceConfig,
    layer: ComparisonLayer,
    x: Float[np.ndarray, "T D"],
    out: ExpertChoiceOutput,
    dy: Float[np.ndarray, "T M"],
) -> dict[str, np.ndarray]:
    """The gradients of Σ dy·y by parameter name, and of x by ``"x"``; the choice is a constant (XCM-7)."""
    tables, dx, dscores = expert_blocks_backward(config, tables_of(layer), x, out.scores, out.chosen, dy)
    dweight, through_router = router_backward(layer, x, softmax_backward(out.scores, dscores))
    grads = {f"experts.{name}": gradient for name, gradient in tables.items()}
    return grads | {"router.weight": dweight, "x": dx + through_router}
