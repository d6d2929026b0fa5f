"""ONNX models of several layers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import onnx

from peerspec.export.append_functions import append_functions
from peerspec.export.write import TensorMaker, write_model
from peerspec.reference import Layer


def write_chain(layers: Sequence[Layer], path: Path) -> None:
    """Write float32 layers one after another, as torch's exporter does, with external tables; nodes "0", "1", …"""
    model = _chain(layers)
    arrays = {f"{at}.{name}": array for at, layer in enumerate(layers) for name, array in layer.params.items()}
    append_functions(model, dict.fromkeys(arrays, onnx.TensorProto.FLOAT))

    def build(make_tensor: TensorMaker) -> onnx.ModelProto:
        model.graph.initializer.extend(make_tensor(name, array) for name, array in arrays.items())
        return model

    write_model(build, path, external_threshold=500, overwrite=False)


def _chain(layers: Sequence[Layer]) -> onnx.ModelProto:
    nodes, source = [], "tokens"
    for at, layer in enumerate(layers):
        inputs = [source, *(f"{at}.{name}" for name in layer.params)]
        outputs = [f"{at}.{name}" for name in ("y", "scores", "indices", "gates")]
        nodes.append(onnx.helper.make_node("Layer", inputs, outputs, domain="peer", config=layer.config.to_json()))
        source = outputs[0]
    x = onnx.helper.make_tensor_value_info("tokens", onnx.TensorProto.FLOAT, ["T", layers[0].config.d_model])
    y = onnx.helper.make_tensor_value_info(source, onnx.TensorProto.FLOAT, ["T", layers[-1].config.d_out])
    graph = onnx.helper.make_graph(nodes, "chain", [x], [y])
    return onnx.helper.make_model(graph, ir_version=8, opset_imports=[onnx.helper.make_opsetid("", 18)])
