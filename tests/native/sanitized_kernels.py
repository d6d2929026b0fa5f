"""Runs the kernels of a library in ONNX Runtime on buffers of exact size: sanitized_kernels.py LIBRARY."""

import itertools
import sys

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper

from peerspec.export import ort
from peerspec.export.graph import assemble
from peerspec.export.names import LAYER_NAMES
from peerspec.export.tables import FORMATS, is_table, narrowed
from peerspec.reference import Layer, PeerConfig, parameter_dtype

options = onnxruntime.SessionOptions()
options.enable_cpu_mem_arena = False  # so that each output is a separate allocation, as each input is here
options.intra_op_num_threads = 2
options.log_severity_level = 4
ort.register(options, sys.argv[1])
rng = np.random.default_rng(0)
element = helper.np_dtype_to_tensor_dtype


def evaluate(op: str, inputs: dict[str, np.ndarray], outputs: dict[str, int], **attributes: object) -> None:
    given = [helper.make_tensor_value_info(name, element(a.dtype), [None] * a.ndim) for name, a in inputs.items()]
    returned = [helper.make_tensor_value_info(name, kind, None) for name, kind in outputs.items()]
    node = helper.make_node(op, list(inputs), list(outputs), domain="peer", **attributes)
    model = assemble(helper.make_graph([node], "one", given, returned), [])
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    binding = session.io_binding()
    held = {name: array.copy() for name, array in inputs.items()}
    for name, array in held.items():
        binding.bind_input(name, "cpu", 0, element(array.dtype), array.shape, array.ctypes.data)
    for name in outputs:
        binding.bind_output(name, "cpu")
    session.run_with_iobinding(binding)


def refused(op: str, inputs: dict[str, np.ndarray], outputs: dict[str, int], **attributes: object) -> None:
    with pytest.raises(Exception, match=op):
        evaluate(op, inputs, outputs, **attributes)


for compute_dtype in (np.float32, np.float64):
    for rows, n, k in ((1, 1, 1), (3, 7, 40), (5, 130, 16)):
        s1, s2 = rng.standard_normal((2, rows, n)).astype(compute_dtype)
        evaluate("ProductKeyTopK", {"s1": s1, "s2": s2}, {"scores": element(s1.dtype), "indices": 7}, k=k)
refused("ProductKeyTopK", {"s1": s1, "s2": s2[:, 1:]}, {"scores": element(s1.dtype), "indices": 7}, k=1)

for d, m, tokens, h, k in ((1, 1, 1, 1, 1), (37, 41, 5, 3, 7), (16, 64, 2, 1, 8), (5, 4, 0, 2, 2)):
    for table in (np.float64, np.float32, np.float16, np.int8):
        compute_dtype = np.float64 if table is np.float64 else np.float32
        inputs = {
            "x": rng.standard_normal((tokens, d)).astype(compute_dtype),
            "indices": rng.integers(0, 9, (tokens, h, k)),
            "gates": rng.random((tokens, h, k)).astype(compute_dtype),
        }
        for name, width in (("u", d), ("v", m), ("w", d)):
            inputs[name] = rng.integers(-9, 9, (9, width)).astype(table)
            if table is np.int8:
                inputs[f"{name}_scale"] = rng.random(9, np.float32)
        mlp = {name: array for name, array in inputs.items() if name[0] != "w"}
        kind, y = "Int8" if table is np.int8 else "", {"y": element(np.dtype(compute_dtype))}
        for activation in ("gelu", "relu"):
            evaluate(f"ExpertStage{kind}", mlp, y, activation=activation)
            evaluate(f"ExpertStageGLU{kind}", inputs, y, activation=activation)
        refused(f"ExpertStage{kind}", mlp, y, activation="swish")
        refused(f"ExpertStage{kind}", mlp | {"v": mlp["v"][:8]}, y, activation="relu")
        if tokens:
            refused(f"ExpertStage{kind}", mlp | {"indices": inputs["indices"] + 9}, y, activation="relu")
norms = ({"query_norm": "batch", "query_bias": True}, {"query_norm": "layer", "expert": "glu"}, {"gate": "sigmoid"}, {})
for options_of, dtype in itertools.product(norms, (np.float64, np.float32, np.float16)):
    config = PeerConfig(5, 3, 49, 6, 8, d_out=4, **options_of)
    params = {name: rng.random(shape).astype(parameter_dtype(name, dtype)) for name, shape in config.shapes().items()}
    compute_dtype = element(np.dtype(np.float64 if dtype is np.float64 else np.float32))
    outputs = {"y": element(np.dtype(dtype)), "scores": compute_dtype, "indices": 7, "gates": compute_dtype}
    for tokens in (0, 1, 40):
        x = {"x": rng.standard_normal((tokens, 5)).astype(dtype)}
        evaluate("Layer", x | params, outputs, config=config.to_json())
        evaluate("Layer", x | params, {"y": outputs["y"]}, config=config.to_json())
    refused("Layer", x | dict(reversed(params.items())), outputs, config=config.to_json())
    refused("Layer", x | params, outputs, config="{")

for tables, expert in itertools.product(FORMATS, ("mlp", "glu")):
    layer = Layer.random(PeerConfig(5, 3, 49, 6, 8, d_out=4, expert=expert))
    stored = {
        part: np.array(rows[...])
        for name, array in layer.params.items()
        for part, rows in (narrowed(name, array, tables) if is_table(name) else {name: array}).items()
    }
    given = {"x": rng.standard_normal((40, 5)).astype(np.float32)} | stored
    name = LAYER_NAMES[tables]
    evaluate(name, given, {"y": 1, "scores": 1, "indices": 7, "gates": 1}, config=layer.config.to_json())
    refused(name, given | {"experts.v": layer.params["experts.v"]}, {"y": 1}, config=layer.config.to_json())

assert element(np.dtype(np.int8)) == TensorProto.INT8
print("ok")
