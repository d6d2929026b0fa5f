"""Every form of an exported layer, and ONNX's reference evaluator, under the whole suite."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

from peerspec.backends import onnx_reference
from peerspec.backends.onnxruntime import backend
from peerspec.conformance import check_backend
from peerspec.export import build_model
from peerspec.reference import Layer, PeerConfig, forward

EVALUATORS = [backend.scan, backend.inlined, onnx_reference]


@pytest.mark.parametrize("evaluator", EVALUATORS, ids=lambda evaluator: evaluator.name)
def test_the_suite_holds_for_every_body(evaluator):
    report = check_backend(evaluator, size="minimal")
    assert report.conformant, report.verdict
    assert set(evaluator.profiles) == set(backend.profiles)


def test_a_scan_reads_rows_of_one_token_at_a_time():
    model = build_model(Layer.random(PeerConfig(5, 3, 49, 6, 8)), body="scan")
    (expert_stage,) = [function for function in model.functions if function.name == "ExpertStage"]
    assert [node.op_type for node in expert_stage.node].count("Scan") == 1
    assert "Gather" not in {node.op_type for node in expert_stage.node}


def test_a_model_with_two_activations_computes_each_in_every_runtime():
    from peerspec.export.functions import Kind, layer_functions, layer_names
    from peerspec.export.graph import assemble

    layers = [Layer.random(PeerConfig(4, 1, 9, 2, 4, activation=kind)) for kind in ("silu", "identity")]
    kinds = [Kind(layer.config, layer.dtype) for layer in layers]
    names = layer_names(kinds)
    assert list(names.values()) == ["Layer", "Layer_2"]
    nodes, tensors = [], []
    for at, (layer, kind) in enumerate(zip(layers, kinds, strict=True)):
        inputs = ["x", *(f"{at}.{name}" for name in layer.params)]
        outputs = [f"{at}.{name}" for name in ("y", "scores", "indices", "gates")]
        nodes.append(helper.make_node(names[kind], inputs, outputs, domain="peer", config=layer.config.to_json()))
        tensors += [helper.make_tensor(f"{at}.{n}", 1, a.shape, a.ravel()) for n, a in layer.params.items()]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["T", 4])
    ys = [helper.make_tensor_value_info(f"{at}.y", TensorProto.FLOAT, ["T", 4]) for at in range(2)]
    model = assemble(helper.make_graph(nodes, "two", [x], ys, tensors), layer_functions(kinds))
    tokens = np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    for runtime in (session, ReferenceEvaluator(model)):
        for layer, y in zip(layers, runtime.run(None, {"x": tokens}), strict=True):
            expected = forward(layer, tokens).y
            assert np.abs(y - expected).max() < np.abs(expected).max() / 1000  # the other activation is far away


def test_float64_gelu_is_declined_by_the_evaluator_whose_erf_rounds():
    graph = helper.make_graph(
        [helper.make_node("Erf", ["a"], ["b"])],
        "erf",
        [helper.make_tensor_value_info("a", TensorProto.DOUBLE, [1])],
        [helper.make_tensor_value_info("b", TensorProto.DOUBLE, [1])],
    )
    (erf,) = ReferenceEvaluator(helper.make_model(graph)).run(None, {"a": np.array([0.3])})
    assert erf[0] == np.float32(erf[0])
    assert "Erf" in str(onnx_reference.supports(PeerConfig(4, 1, 9, 2, 4), np.float64))
    assert onnx_reference.supports(PeerConfig(4, 1, 9, 2, 4), np.float32) is True


def test_batch_statistics_are_refused_by_the_evaluator():
    layer = Layer.random(PeerConfig(4, 1, 9, 2, 4, query_norm="batch"))
    with pytest.raises(onnx_reference.BackendError, match="no batch statistics"):
        onnx_reference.forward(layer, np.zeros((2, 4), np.float32), training=True)
