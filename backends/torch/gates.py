"""Gates: the weight of each selected expert, from the scores of its head (SPEC.md, GAT-1 … GAT-3)."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["gates"]


def gates(kind: str, scores: Float[Tensor, "*lead k"]) -> Float[Tensor, "*lead k"]:
    """Softmax over the k selected scores, or the logistic function of each; in the dtype of the scores."""
    return torch.softmax(scores, -1) if kind == "softmax" else torch.sigmoid(scores)
