"""Sessions of ONNX Runtime on the tables of a bench, which are bound without a copy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from points import Bench, Point

from peerspec.export import ort
from peerspec.export.domain import OPSET
from peerspec.export.expert_stage import Body, expert_stage
from peerspec.export.graph import assemble, extracted_model, layer_model
from peerspec.export.names import OUTPUTS
from peerspec.export.onnx_package import ModelProto, NodeProto, TensorProto, helper
from peerspec.export.tables import Tables, is_table, narrowed
from peerspec.reference import PeerConfig

__all__ = ["THREADS", "Run", "bound", "expert_stage_model", "given", "identity", "layer", "room", "session"]

THREADS = 2
FLOAT = np.dtype(np.float32)
Run = Callable[[], object]


def layer(point: Point, *, kernels: bool, body: Body = "gather", tables: Tables | None = None) -> Any:
    """A session of the whole layer, with the parameters as inputs."""
    return _layer(point.config, kernels, body, tables)


@cache
def _layer(config: PeerConfig, kernels: bool, body: Body, tables: Tables | None) -> Any:
    whole = layer_model(config, FLOAT, leading=("tokens",), body=body, tables=tables)
    node: NodeProto = whole.graph.node[0]
    return session(extracted_model(whole, node, config, FLOAT, tables=tables), kernels=kernels)


def session(model: ModelProto, *, kernels: bool, threads: int = THREADS) -> Any:
    """A session whose threads spin during a run, the default, and not after it, when the next variant runs."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.force_spinning_stop", "1")
    if kernels:
        ort.register(options)
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def given(bench: Bench, tables: Tables | None = None) -> dict[str, NDArray[Any]]:
    """x and the parameters; ``tables`` is the dtype of narrowed tables."""
    arrays: dict[str, NDArray[Any]] = {"x": bench.x.numpy()}
    for name, tensor in bench.params.items():
        parts = narrowed(name, tensor.numpy(), tables) if tables and is_table(name) else {name: tensor.numpy()}
        arrays |= {part: _as_array(rows) for part, rows in parts.items()}
    return arrays


def _as_array(rows: Any) -> NDArray[Any]:
    if isinstance(rows, np.ndarray):
        return rows
    out = np.empty(rows.shape, rows.dtype)
    for at in range(0, len(rows), 1 << 14):
        out[at : at + (1 << 14)] = rows[at : at + (1 << 14)]
    return out


def bound(made: Any, inputs: Mapping[str, NDArray[Any]], outputs: Mapping[str, NDArray[Any]]) -> Run:
    """An evaluation that writes to the given arrays; ONNX Runtime allocates the other outputs."""
    binding = made.io_binding()
    for name, array in inputs.items():
        binding.bind_input(name, "cpu", 0, array.dtype.type, array.shape, array.ctypes.data)
    for output in made.get_outputs():
        if (array := outputs.get(output.name)) is None:
            binding.bind_output(output.name, "cpu")
        else:
            binding.bind_output(output.name, "cpu", 0, array.dtype.type, array.shape, array.ctypes.data)
    bound_arrays = (inputs, outputs)

    def run() -> object:
        made.run_with_iobinding(binding)
        return bound_arrays  # keeps them alive

    return run


def room(point: Point) -> dict[str, NDArray[Any]]:
    """Arrays for the outputs of a layer."""
    c, T = point.config, point.tokens
    y, picked = np.empty((T, c.d_out), FLOAT), (T, c.heads, c.top_k)
    routing = (np.empty(picked, FLOAT), np.empty(picked, np.int64), np.empty(picked, FLOAT))
    return dict(zip(OUTPUTS, (y, *routing), strict=True))


def expert_stage_model(point: Point) -> Any:
    """A session of the expert stage alone, with its kernel."""
    shapes = {
        "x": ["T", None],
        "indices": ["T", None, None],
        "gates": ["T", None, None],
        "u": [None] * 2,
        "v": [None] * 2,
    }
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64 if name == "indices" else TensorProto.FLOAT, shape)
        for name, shape in shapes.items()
    ]
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["T", None])
    node = helper.make_node("ExpertStage", list(shapes), ["y"], domain="peer", activation=point.config.activation)
    function = expert_stage("mlp", point.config.activation)
    return session(assemble(helper.make_graph([node], "expert_stage", inputs, [y]), [function]), kernels=True)


def identity(width: int) -> Any:
    """A session that does nothing, to measure the time of a call."""
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["T", width]) for name in "xy")
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "nothing", [x], [y])
    imports = [helper.make_opsetid("", OPSET)]
    return session(helper.make_model(graph, opset_imports=imports, ir_version=8), kernels=False)
