"""The output arrays of a model of ``peerspec.export``."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerspec.export.domain import compute_dtype
from peerspec.reference import Output, PeerConfig

__all__ = ["empty_outputs", "to_output"]


def empty_outputs(config: PeerConfig, dtype: np.dtype, lead: tuple[int, ...]) -> dict[str, NDArray[Any]]:
    """Empty arrays under the names of the graph's outputs: y [*lead, M], scores, indices and gates [*lead, h, k]."""
    pairs, computed = (*lead, config.heads, config.top_k), compute_dtype(dtype)
    return {
        "y": np.empty((*lead, config.d_out), dtype),
        "scores": np.empty(pairs, computed),
        "indices": np.empty(pairs, np.int64),
        "gates": np.empty(pairs, computed),
    }


def to_output(arrays: dict[str, NDArray[Any]], lead: tuple[int, ...]) -> Output:
    """The filled arrays with the leading axes ``lead``; a model without routing has only y."""
    tails = {"y": 1, "scores": 2, "indices": 2, "gates": 2}
    shaped: dict[str, Any] = {
        name: array.reshape(*lead, *array.shape[-tails[name] :]) for name, array in arrays.items()
    }
    return Output(**shaped)
