"""The query of a project that has no query maps: each half is the token itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["token_query"]


def token_query(lengths: Mapping[str, int], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Query maps [h, 2D, D] whose halves are the token.

    Example:
        >>> token_query({"h": 1, "D": 2}, np.dtype("f4"))[0].astype(int).tolist()
        [[1, 0], [0, 1], [1, 0], [0, 1]]
    """
    halves = np.concatenate([np.eye(lengths["D"], dtype=dtype)] * 2)
    return np.repeat(halves[None], lengths["h"], axis=0)
