"""The selection alone: a model of one ``ProductKeyTopK`` (SPEC.md, SEL-1 … SEL-4)."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerspec.backends.onnxruntime.session import new_session, run
from peerspec.export.graph import selection_model
from peerspec.export.onnx_package import FunctionProto
from peerspec.export.product_key_top_k import product_key_top_k
from peerspec.reference import DTYPES, InputError, Selection

__all__ = ["new_selector", "run_selector", "select"]

_DTYPES = tuple(DTYPES[precision] for precision in ("float64", "float32", "float16"))


def select(scores1: NDArray[Any], scores2: NDArray[Any], k: int, *, kernels: bool = False) -> Selection:
    """The first k experts of each row of half scores [..., n], float64, float32 or, without kernels, float16.

    Raises:
        InputError: shapes or dtypes do not fit each other, or k is not in 1..N.
    """
    _check(scores1, scores2, k, _DTYPES[:2] if kernels else _DTYPES)
    return run_selector(_selector(scores1.dtype, scores1.shape[-1], k, kernels), scores1, scores2, k)


def new_selector(function: FunctionProto, dtype: np.dtype, n: int, k: int, *, kernels: bool = False) -> Any:
    """A session that calls a ``ProductKeyTopK`` function and nothing else."""
    return new_session(selection_model(function, dtype, n, k).SerializeToString(), threads=1, kernels=kernels)


def run_selector(session: Any, scores1: NDArray[Any], scores2: NDArray[Any], k: int) -> Selection:
    """Run a session of ``new_selector`` on half scores with any leading axes."""
    n, lead = scores1.shape[-1], scores1.shape[:-1]
    halves = {"s1": scores1.reshape(-1, n), "s2": scores2.reshape(-1, n)}
    rows = len(halves["s1"])
    found = {"scores": np.empty((rows, k), scores1.dtype), "indices": np.empty((rows, k), np.int64)}
    if rows:  # ONNX Runtime 1.23 crashes on a TopK without rows
        run(session, halves, found)
    return Selection(found["scores"].reshape(*lead, k), found["indices"].reshape(*lead, k))


@lru_cache(maxsize=32)
def _selector(dtype: np.dtype, n: int, k: int, kernels: bool) -> Any:
    return new_selector(product_key_top_k(), dtype, n, k, kernels=kernels)


def _check(scores1: NDArray[Any], scores2: NDArray[Any], k: int, dtypes: tuple[np.dtype, ...]) -> None:
    if scores1.shape != scores2.shape or scores1.ndim < 1 or scores1.shape[-1] < 1:
        raise InputError(
            f"both half scores must have one shape [..., n], got {scores1.shape} and {scores2.shape} (SCO-1)"
        )
    if scores1.dtype != scores2.dtype or scores1.dtype not in dtypes:
        raise InputError(
            f"both half scores must have one dtype of {', '.join(map(str, dtypes))}, "
            f"got {scores1.dtype} and {scores2.dtype} (SCO-4)"
        )
    if not 1 <= k <= scores1.shape[-1] ** 2:
        raise InputError(f"k must lie in 1..N = 1..{scores1.shape[-1] ** 2}, got {k} (CFG-3)")
