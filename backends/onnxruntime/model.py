"""A layer of an ONNX file as a backend, so that the suite can judge the file.

A file of one layer runs whole. In a larger model, the node of the layer runs alone, with the functions of the model and
with parameters memory-mapped from the file.
"""

from __future__ import annotations

from collections.abc import Collection
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from peerspec.backends.onnxruntime.backend import check_inference
from peerspec.backends.onnxruntime.outputs import empty_outputs, to_output
from peerspec.backends.onnxruntime.selection import new_selector, run_selector
from peerspec.backends.onnxruntime.session import OrtError, new_session, run
from peerspec.export.graph import extracted_model
from peerspec.export.layer_nodes import LayerNode, find_layer, metadata
from peerspec.export.names import CONFIG_KEY
from peerspec.export.onnx_package import ModelProto
from peerspec.export.read import read_model, read_parameters
from peerspec.export.tables import widened
from peerspec.reference import Layer, Output, PeerConfig, Selection
from peerspec.reference.forward import flatten

__all__ = ["OrtModel"]


class OrtModel:
    """The layer in the model at ``path``, with the contract of a backend; ``forward`` takes its configuration only.

    Args:
        path: a file of ``peerspec.export``, or any model with layers as ``peer`` nodes.
        name: the name of the layer's node, needed if the model holds several layers.
        threads: threads of ONNX Runtime; 0 means all cores.
        kernels: whether the kernels of ``peerspec.export.ort`` run the functions of the model.

    Attributes:
        layer: the layer in the file; external tables are memory-mapped, tables in fewer bytes are widened in memory
            (ONX-10).
        tables: the format of the tables if they take fewer bytes than the other parameters, else None.
        rank: the number of leading axes that the model takes.

    Raises:
        ExportError: the file is not a readable model with that layer.
        OrtError: ONNX Runtime refuses the model.
        KernelError: the kernels cannot be built or loaded.
    """

    def __init__(
        self, path: str | PathLike[str], name: str | None = None, *, threads: int = 0, kernels: bool = False
    ) -> None:
        path = Path(path)
        model = read_model(path)
        layer_node = find_layer(model, path, name)
        self.tables = layer_node.tables
        stored = read_parameters(path, model, layer_node)
        self.layer = Layer(layer_node.config, widened(stored, layer_node.config, layer_node.tables))
        self.name = f"{path.name} on onnxruntime"
        self._functions = {function.name: function for function in model.functions}
        self.profiles = _profiles(self.layer, self._functions)
        is_one_layer = CONFIG_KEY in metadata(model)
        self._parameters = {} if is_one_layer else stored
        source = path if is_one_layer else _extract(model, layer_node, self.layer)
        self._session = new_session(source, threads=threads, kernels=kernels)
        self._kernels = kernels
        self.rank = len(self._session.get_inputs()[0].shape) - 1
        self._outputs = [output.name for output in self._session.get_outputs()]

    def supports(self, config: PeerConfig, dtype: DTypeLike) -> bool | str:
        """True for the configuration and precision of the file, else a reason."""
        if config == self.layer.config and np.dtype(dtype) == self.layer.dtype:
            return True
        return f"the file holds one layer, {self.layer.dtype} and {self.layer.config}"

    def forward(
        self, layer: Layer, x: NDArray[Any], *, mask: NDArray[Any] | None = None, training: bool = False
    ) -> Output:
        """Run the file, with its own parameters, on inputs of ``layer``.

        Raises:
            InputError: shapes or dtypes do not fit the layer (SHP-1, SHP-2).
            OrtError: the layer has another configuration or precision, or training with batch norm.
        """
        if (reason := self.supports(layer.config, layer.dtype)) is not True:
            raise OrtError(f"the layer does not fit the model: {reason}")
        check_inference(layer.config, training)
        flatten(layer, x, mask, mixed=False)
        return self.run(x)

    def run(self, x: NDArray[Any]) -> Output:
        """Run the file on x [..., D]; leading axes that do not fit the model are flattened into its last one.

        Raises:
            InputError: shapes or dtypes do not fit the layer (SHP-1).
            OrtError: ONNX Runtime fails.
        """
        tokens, _, lead = flatten(self.layer, x, None, mixed=False)
        if self.rank == 0:
            arrays = self._empty(tokens.shape[:1])
            for t, token in enumerate(tokens):
                run(self._session, {"x": token}, {name: array[t] for name, array in arrays.items()})
            return to_output(arrays, lead)
        shape = x.shape if x.ndim == self.rank + 1 else (1,) * (self.rank - 1) + tokens.shape
        arrays = self._empty(shape[:-1])
        run(self._session, {"x": tokens.reshape(shape), **self._parameters}, arrays)
        return to_output(arrays, lead)

    def select(self, scores1: NDArray[Any], scores2: NDArray[Any], k: int) -> Selection:
        """The first k experts, from the function ``ProductKeyTopK`` of the file.

        Raises:
            OrtError: the file has no such function, or ONNX Runtime refuses it.
        """
        if "ProductKeyTopK" not in self._functions:
            raise OrtError(f"{self.name} holds no function ProductKeyTopK; export it again")
        function, n = self._functions["ProductKeyTopK"], scores1.shape[-1]
        session = new_selector(function, scores1.dtype, n, k, kernels=self._kernels)
        return run_selector(session, scores1, scores2, k)

    def _empty(self, lead: tuple[int, ...]) -> dict[str, NDArray[Any]]:
        arrays = empty_outputs(self.layer.config, self.layer.dtype, lead)
        return {name: arrays[name] for name in self._outputs}


def _extract(model: ModelProto, layer_node: LayerNode, layer: Layer) -> bytes:
    assert layer_node.node is not None  # only a file of one layer has no node
    return extracted_model(
        model, layer_node.node, layer_node.config, layer.dtype, tables=layer_node.tables
    ).SerializeToString()


def _profiles(layer: Layer, functions: Collection[str]) -> frozenset[str]:
    config = layer.config
    options = {
        "select": "ProductKeyTopK" in functions,
        "glu": config.expert == "glu",
        "sigmoid": config.gate == "sigmoid",
        "per-head-keys": config.key_heads > 1,
        "query-bias": config.query_bias,
    }
    return frozenset({str(layer.dtype)} | {name for name, used in options.items() if used})
