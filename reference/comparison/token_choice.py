"""A mixture of experts in which each token chooses k experts (SPEC.md, TCM-3 … TCM-8)."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int

from peerspec.reference.comparison.blocks import expert_blocks, expert_blocks_backward
from peerspec.reference.comparison.config import TokenChoiceConfig
from peerspec.reference.comparison.layer import ComparisonLayer
from peerspec.reference.comparison.output import TokenChoiceOutput
from peerspec.reference.comparison.router import eligible, logits, router_backward, softmax_backward, tables_of
from peerspec.reference.gates import softmax

__all__ = ["choose", "keep", "token_choice", "token_choice_backward"]

Pairs = Float[np.ndarray, "T k"]
Ids = Int[np.ndarray, "T k"]


def token_choice(
    config: TokenChoiceConfig,
    layer: ComparisonLayer,
    x: Float[np.ndarray, "T D"],
    mask: Bool[np.ndarray, " T"],
    indices: Ids | None = None,
) -> TokenChoiceOutput:
    """y and the routing of tokens; the experts are chosen by default."""
    logit = logits(layer, x)
    ids = choose(logit, config.top_k) if indices is None else indices
    scores = np.take_along_axis(logit, ids, -1)
    gates = softmax(scores) if config.gate == "softmax_after" else np.take_along_axis(softmax(logit), ids, -1)
    computed = eligible(mask, logit)
    kept = keep(ids, computed, config.num_experts, config.capacity)
    y = expert_blocks(config, tables_of(layer), x, *_by_expert(config, ids, gates, kept))
    y[mask & ~computed] = np.nan
    return TokenChoiceOutput(y, scores, ids, gates, kept)


def choose(logit: Float[np.ndarray, "T E"], k: int) -> Ids:
    """The k experts of each token, by larger logit, then lower id; −0 equals +0 (TCM-3).

    Example:
        >>> choose(np.array([[1.0, 3.0, 1.0]]), 2)
        array([[1, 0]])
    """
    return np.argsort(-logit, axis=-1, kind="stable")[:, :k].astype(np.int64)


def keep(ids: Ids, computed: Bool[np.ndarray, " T"], num_experts: int, capacity: int | None) -> Bool[np.ndarray, "T k"]:
    """Which choices an expert computes: the first ``capacity`` of it, first choices before second ones (TCM-5).

    Example:
        >>> keep(np.array([[0, 1], [1, 0]]), np.array([True, True]), 2, 1)
        array([[ True, False],
               [ True, False]])
    """
    queue = ids.T.ravel()
    waiting = np.tile(computed, ids.shape[1])
    kept = np.zeros(queue.shape, bool)
    for expert in range(num_experts):
        kept[np.flatnonzero((queue == expert) & waiting)[:capacity]] = True
    return kept.reshape(ids.T.shape).T


def token_choice_backward(
    config: TokenChoiceConfig,
    layer: ComparisonLayer,
    x: Float[np.ndarray, "T D"],
    out: TokenChoiceOutput,
    dy: Float[np.ndarray, "T M"],
) -> dict[str, np.ndarray]:
    """The gradients of Σ dy·y by parameter name, and of x by ``"x"``; choices and drops are constants (TCM-8)."""
    gates = _by_expert(config, out.indices, out.gates, out.kept)
    tables, dx, dgate = expert_blocks_backward(config, tables_of(layer), x, *gates, dy)
    if config.gate == "softmax_after":
        dlogit = np.zeros_like(dgate)
        dscores = softmax_backward(out.gates, np.take_along_axis(dgate, out.indices, -1))
        np.put_along_axis(dlogit, out.indices, dscores, -1)
    else:
        dlogit = softmax_backward(softmax(logits(layer, x)), dgate)
    dweight, through_router = router_backward(layer, x, dlogit)
    grads = {f"experts.{name}": gradient for name, gradient in tables.items()}
    return grads | {"router.weight": dweight, "x": dx + through_router}


def _by_expert(
    config: TokenChoiceConfig, ids: Ids, gates: Pairs, kept: Bool[np.ndarray, "T k"]
) -> tuple[Float[np.ndarray, "T E"], Bool[np.ndarray, "T E"]]:
    """The gate of each expert, and whether it computes the token."""
    shape = (len(ids), config.num_experts)
    by_expert, chosen = np.zeros(shape, gates.dtype), np.zeros(shape, bool)
    np.put_along_axis(by_expert, ids, gates, -1)
    np.put_along_axis(chosen, ids, kept, -1)
    return by_expert, chosen
