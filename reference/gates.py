"""Gates: the weight of each selected expert, from the scores of its head (SPEC.md, chapter 3)."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

__all__ = ["gates", "sigmoid", "softmax"]

Scores = Float[np.ndarray, "*lead k"]


def gates(kind: str, scores: Scores) -> Scores:
    """The gates of one kind of ``GATES``, in the dtype of the scores."""
    return softmax(scores) if kind == "softmax" else sigmoid(scores)


def softmax(scores: Scores) -> Scores:
    """exp(s − max s) / Σ exp(s − max s) over the k experts of one head (GAT-1, GAT-2).

    Example:
        >>> softmax(np.array([3.0, 2.0])).round(6)
        array([0.731059, 0.268941])
    """
    powers = np.exp(scores - scores.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def sigmoid(scores: Scores) -> Scores:
    """1 / (1 + exp(−s)), elementwise and without overflow (GAT-3)."""
    small = np.exp(-np.abs(scores))
    return np.where(scores >= 0, 1, small) / (1 + small)
