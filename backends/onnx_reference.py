"""ONNX's reference evaluator on the exported graph: the definition of the file in NumPy, without a runtime."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from peerspec.backends.protocol import LAYER_PROFILES, MIXED, BackendError
from peerspec.export.graph import model_with_parameter_inputs, selection_model
from peerspec.export.names import OUTPUTS
from peerspec.export.onnx_package import ReferenceEvaluator
from peerspec.export.product_key_top_k import product_key_top_k
from peerspec.reference import Layer, Output, PeerConfig, Selection
from peerspec.reference.forward import flatten

__all__ = ["computed_by", "forward", "name", "profiles", "select", "supports"]

name = "onnx-reference"
profiles = LAYER_PROFILES - {"query-norm", "training", "frozen-statistics", *MIXED}


def computed_by() -> str:
    """What computes."""
    return "ONNX's reference evaluator, in NumPy"


def supports(config: PeerConfig, dtype: DTypeLike) -> bool | str:
    """True, or the reason why the evaluator cannot run the configuration in ``dtype``."""
    if np.dtype(dtype) == np.float64 and config.activation == "gelu":
        return "the exact gelu needs Erf in float64, and that of ONNX's reference evaluator rounds to float32"
    return True


def forward(layer: Layer, x: NDArray[Any], *, mask: NDArray[Any] | None = None, training: bool = False) -> Output:
    """Evaluate the exported graph.

    Raises:
        InputError: shapes or dtypes do not fit the layer (SHP-1, SHP-2).
        BackendError: training with batch norm, because ONNX is inference.
    """
    tokens, _, lead = flatten(layer, x, mask, mixed=False)
    if training and layer.config.query_norm == "batch":
        raise BackendError("ONNX is inference and has no batch statistics; pass training=False (NRM-2)")
    arrays = _evaluator(layer.config, layer.dtype).run(list(OUTPUTS), {"x": tokens, **layer.params})
    return Output(*(array.reshape(*lead, *array.shape[1:]) for array in arrays))


def select(scores1: NDArray[Any], scores2: NDArray[Any], k: int) -> Selection:
    """The first k experts of each row of half scores [..., n], from the body of ``ProductKeyTopK``."""
    n, lead = scores1.shape[-1], scores1.shape[:-1]
    halves = {"s1": scores1.reshape(-1, n), "s2": scores2.reshape(-1, n)}
    scores, indices = _selector(scores1.dtype, n, k).run(None, halves)
    return Selection(scores.reshape(*lead, k), indices.reshape(*lead, k))


@lru_cache(maxsize=16)
def _evaluator(config: PeerConfig, dtype: np.dtype) -> Any:
    return ReferenceEvaluator(model_with_parameter_inputs(config, dtype))


@lru_cache(maxsize=32)
def _selector(dtype: np.dtype, n: int, k: int) -> Any:
    return ReferenceEvaluator(selection_model(product_key_top_k(), dtype, n, k))
