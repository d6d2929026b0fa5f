"""Rows of a table, picked by id: the trilinear form that the expert stage and its gradients are made of.

    S(table, weights, x) = Σ_t Σ_hk weights[t,h,k] · table[ids[t,h,k]] · x[t]

``gather_dot`` is its derivative by weights, ``gather_sum`` by x, ``scatter_sum`` by table.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

__all__ = ["gather_dot", "gather_sum", "scatter_sum"]

Pairs = Float[np.ndarray, "T h k"]
Ids = Int[np.ndarray, "T h k"]


def gather_dot(table: Float[np.ndarray, "N D"], ids: Ids, x: Float[np.ndarray, "T D"]) -> Pairs:
    """The inner product of each token with each row it picks, in the dtype of ``x``."""
    return np.einsum("thkd,td->thk", table[ids].astype(x.dtype), x, optimize=True)


def gather_sum(table: Float[np.ndarray, "N D"], ids: Ids, weights: Pairs) -> Float[np.ndarray, "T D"]:
    """For each token the weighted sum of the rows it picks, in the dtype of ``weights``."""
    return np.einsum("thk,thkd->td", weights, table[ids].astype(weights.dtype), optimize=True)


def scatter_sum(num_rows: int, ids: Ids, weights: Pairs, x: Float[np.ndarray, "T D"]) -> Float[np.ndarray, "N D"]:
    """For each row the weighted sum of the tokens that pick it; all other rows are zero (GRD-2, GRD-3)."""
    out = np.zeros((num_rows, x.shape[1]), x.dtype)
    np.add.at(out, ids, weights[..., None] * x[:, None, None, :])
    return out
