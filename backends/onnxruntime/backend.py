"""The backend: the exported graph on ONNX Runtime, with parameters passed by reference.

A session depends only on the configuration, the precision and the number of threads. Parameters are inputs of the
graph, so layers share sessions, and no table is copied or written to disk. ``OrtModel`` runs an exported file with its
own parameters.

The module itself is the backend with the bodies ``gather``. ``scan`` and ``inlined`` are the other forms of ``export``:
``peerspec check peerspec.backends.onnxruntime.backend:scan``. The module ``native`` is the backend with kernels.

ONNX is inference: ``training=True`` is an error with batch norm, where it would change the result.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from peerspec.backends.onnxruntime.outputs import empty_outputs, to_output
from peerspec.backends.onnxruntime.selection import select as select_by
from peerspec.backends.onnxruntime.session import OrtError, new_session, run
from peerspec.backends.protocol import LAYER_PROFILES, MIXED
from peerspec.export.expert_stage import Body
from peerspec.export.graph import model_with_parameter_inputs
from peerspec.reference import Layer, Output, PeerConfig, Selection, cost
from peerspec.reference.forward import flatten

__all__ = [
    "OrtBackend",
    "check_inference",
    "computed_by",
    "forward",
    "inlined",
    "name",
    "profiles",
    "scan",
    "select",
    "supports",
]

_SMALL = 1 << 22
"""Floating-point operations below which a second thread costs more time than it saves (about 0.1 ms)."""


class OrtBackend:
    """The backend for one form of an exported layer; arguments as in ``export``."""

    profiles = LAYER_PROFILES - {"query-norm", "training", "frozen-statistics", *MIXED}

    def __init__(self, name: str, *, body: Body = "gather", inline: bool = False, kernels: bool = False) -> None:
        self.name = name
        self._body: Body = body
        self._inline = inline
        self._kernels = kernels

    def computed_by(self) -> str:
        """ONNX Runtime, with the kernels of this project or with the bodies of the functions."""
        return f"ONNX Runtime on the CPU, with {'kernels' if self._kernels else 'the bodies of the functions'}"

    def supports(self, config: PeerConfig, dtype: DTypeLike) -> bool | str:
        """True, or the reason why ONNX Runtime cannot run the configuration in ``dtype``."""
        if np.dtype(dtype) == np.float64 and config.activation == "gelu" and not self._kernels:
            return (
                "ONNX Runtime has no float64 Erf on the CPU, and the exact gelu needs it; use float32 or another "
                "activation"
            )
        return True

    def forward(
        self, layer: Layer, x: NDArray[Any], *, mask: NDArray[Any] | None = None, training: bool = False
    ) -> Output:
        """Evaluate the layer.

        Raises:
            InputError: shapes or dtypes do not fit the layer (SHP-1, SHP-2).
            OrtError: ``supports`` declines the configuration, or training with batch norm.
        """
        tokens, _, lead = flatten(layer, x, mask, mixed=False)
        check_inference(layer.config, training)
        if (reason := self.supports(layer.config, layer.dtype)) is not True:
            raise OrtError(str(reason))
        arrays = empty_outputs(layer.config, layer.dtype, tokens.shape[:1])
        work = cost(layer.config).flops_per_token * len(tokens)
        threads = 1 if work < _SMALL else 0
        session = _session(layer.config, layer.dtype, self._body, self._inline, self._kernels, threads)
        run(session, {"x": tokens, **layer.params}, arrays)
        return to_output(arrays, lead)

    def select(self, scores1: NDArray[Any], scores2: NDArray[Any], k: int) -> Selection:
        """The selection alone; see ``selection.select``, errors included."""
        return select_by(scores1, scores2, k, kernels=self._kernels)


def check_inference(config: PeerConfig, training: bool) -> None:
    """Check that the result does not need batch statistics.

    Raises:
        OrtError: training with batch norm.
    """
    if training and config.query_norm == "batch":
        raise OrtError(
            "ONNX is inference and has no batch statistics; pass training=False, or use another backend (NRM-2)"
        )


@lru_cache(maxsize=16)
def _session(config: PeerConfig, dtype: np.dtype, body: Body, inline: bool, kernels: bool, threads: int) -> Any:
    model = model_with_parameter_inputs(config, dtype, body=body, inline=inline)
    return new_session(model.SerializeToString(), threads=threads, kernels=kernels)


name = "onnxruntime"
scan = OrtBackend("onnxruntime, Scan body", body="scan")
inlined = OrtBackend("onnxruntime, inlined", inline=True)
_plain = OrtBackend(name)
profiles, supports, computed_by = _plain.profiles, _plain.supports, _plain.computed_by
forward, select = _plain.forward, _plain.select
