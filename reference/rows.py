"""Selected rows of a table: one trilinear form gives the expert stage and its gradients.

    S(table, weights, x) = Σ_t Σ_hk weights[t,h,k] · table[ids[t,h,k]] · x[t]

``gather_dot`` is its derivative with respect to weights, ``gather_sum`` to x, ``scatter_sum`` to table.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

__all__ = ["Ids", "Pairs", "gather_dot", "gather_sum", "scatter_sum"]

Pairs = Float[np.ndarray, "T h k"]
Ids = Int[np.ndarray, "T h k"]


def gather_dot(table: Float[np.ndarray, "N D"], ids: Ids, x: Float[np.ndarray, "T D"]) -> Pairs:
    """The inner product of each token with each row that it selects, in the dtype of ``x``."""
    return np.einsum("thkd,td->thk", table[ids].astype(x.dtype), x, optimize=True)


def gather_sum(table: Float[np.ndarray, "N D"], ids: Ids, weights: Pairs) -> Float[np.ndarray, "T D"]:
    """For each token the weighted sum of the rows that it selects, in the dtype of ``weights``."""
    return np.einsum("thk,thkd->td", weights, table[ids].astype(weights.dtype), optimize=True)


def scatter_sum(num_rows: int, ids: Ids, weights: Pairs, x: Float[np.ndarray, "T D"]) -> Float[np.ndarray, "N D"]:
    """For each row the weighted sum of the tokens that select it, zero for other rows (GRD-2, GRD-3)."""
    out = np.zeros((num_rows, x.shape[1]), x.dtype)
    np.add.at(out, ids, weights[..., None] * x[:, None, None, :])
    return out
