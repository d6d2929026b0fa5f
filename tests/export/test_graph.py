import json
import math

import numpy as np
import onnxruntime
import pytest
from onnx import checker, inliner
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun

from peerspec.export import ExportError, build_model
from peerspec.export.domain import TENSOR_TYPES
from peerspec.reference import DTYPES, SPEC_VERSION, Layer, PeerConfig, compute_dtype, forward
from peerspec.reference.config import ACTIVATIONS

OPTIONS = {
    **{activation: {"activation": activation} for activation in ACTIVATIONS},
    "glu": {"expert": "glu", "activation": "silu"},
    "sigmoid": {"gate": "sigmoid"},
    "per-head-keys": {"key_heads": 3},
    "query-bias": {"query_bias": True},
    "batch": {"query_norm": "batch", "query_bias": True},
    "layer": {"query_norm": "layer", "key_heads": 3},
    "k > n": {"top_k": 11},
    "k = 1": {"top_k": 1},
    "one head": {"heads": 1},
}
OUTPUTS = ["y", "scores", "indices", "gates"]


def _onnxruntime(model):
    return onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


def _tokens(layer, *lead, seed=0):
    return np.random.default_rng(seed).standard_normal((*lead, layer.config.d_model)).astype(layer.dtype)


@pytest.mark.parametrize("runtime", [ReferenceEvaluator, _onnxruntime])
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_the_graph_conforms_in_two_runtimes(make_layer, assert_conforms, options, runtime):
    layer = make_layer(**options)
    x = _tokens(layer, 2, 5)
    outputs = runtime(build_model(layer)).run(OUTPUTS, {"x": x})
    assert outputs[0].dtype == layer.dtype
    assert_conforms(layer, x, *outputs)


class Erf(OpRun):
    """The reference evaluator's own Erf rounds to float32 whatever its input."""

    op_domain = ""

    def _run(self, x):
        return (np.vectorize(math.erf, otypes=[x.dtype])(x),)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_float64_graph_conforms_in_the_reference_evaluator(make_layer, assert_conforms, activation):
    layer = make_layer(np.float64, activation=activation)
    x = _tokens(layer, 2, 5)
    inlined = inliner.inline_local_functions(build_model(layer))  # replaced operators do not reach into functions
    evaluator = ReferenceEvaluator(inlined, new_ops=[Erf])
    assert_conforms(layer, x, *evaluator.run(OUTPUTS, {"x": x}))


@pytest.mark.parametrize("runtime", [ReferenceEvaluator, _onnxruntime])
def test_the_float16_graph_computes_in_float32(make_layer, assert_conforms, runtime):
    layer = make_layer(np.float16)
    x = _tokens(layer, 2, 5)
    y, scores, indices, gates = runtime(build_model(layer)).run(OUTPUTS, {"x": x})
    assert (y.dtype, scores.dtype, gates.dtype) == (np.float16, np.float32, np.float32)
    assert_conforms(layer, x, y, scores, indices, gates)


@pytest.mark.parametrize("runtime", [ReferenceEvaluator, _onnxruntime])
@pytest.mark.parametrize("top_k", [1, 6])
def test_small_integers_give_exactly_the_ids_and_scores_of_the_reference(runtime, top_k):
    config = PeerConfig(5, 3, 49, top_k, 4, d_out=4, activation="relu")
    rng = np.random.default_rng(0)
    params = {n: rng.integers(-1, 2, s).astype(np.float32) for n, s in config.shapes().items()}
    x = rng.integers(-2, 3, (3, 8, 5)).astype(np.float32)
    expected = forward(Layer(config, params), x)
    y, scores, indices, _ = runtime(build_model(Layer(config, params))).run(OUTPUTS, {"x": x})
    np.testing.assert_array_equal(indices, expected.indices)
    np.testing.assert_array_equal(scores, expected.scores)
    if top_k == 1:  # the gate is exactly 1, so y is exact as well
        np.testing.assert_array_equal(y, expected.y)


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("precision", DTYPES)
def test_the_graph_passes_the_checker_with_shape_inference(make_layer, options, precision):
    checker.check_model(build_model(make_layer(DTYPES[precision], **options)), full_check=True)


@pytest.mark.parametrize("precision", DTYPES)
def test_running_statistics_are_stored_in_the_compute_dtype(make_layer, precision):
    """ONX-11: they are inputs of type T, whatever the dtype of the learned parameters."""
    model = build_model(make_layer(DTYPES[precision], query_norm="batch"))
    types = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    assert {types["query_norm.mean"], types["query_norm.var"]} == {TENSOR_TYPES[compute_dtype(DTYPES[precision])]}
    assert {types["query_norm.scale"], types["keys"]} == {TENSOR_TYPES[DTYPES[precision]]}


@pytest.mark.parametrize("runtime", [ReferenceEvaluator, _onnxruntime])
@pytest.mark.parametrize(
    ("leading", "sizes"), [((), [()]), (("a",), [(0,), (1,), (4,)]), (("a", "b"), [(2, 0), (2, 2)])]
)
def test_one_model_takes_any_size_of_its_leading_axes(make_layer, leading, sizes, runtime):
    layer = make_layer()
    session = runtime(build_model(layer, leading=leading))
    for size in sizes:
        x = _tokens(layer, *size)
        y, scores, indices, gates = session.run(OUTPUTS, {"x": x})
        assert y.shape == (*size, 4)
        assert scores.shape == indices.shape == gates.shape == (*size, 3, 6)
        np.testing.assert_array_equal(indices, forward(layer, x).indices)


def test_without_routing_the_model_gives_the_same_y_alone(make_layer):
    layer = make_layer()
    x = _tokens(layer, 2, 5)
    (y,) = _onnxruntime(build_model(layer, routing=False)).run(None, {"x": x})
    np.testing.assert_array_equal(y, _onnxruntime(build_model(layer)).run(["y"], {"x": x})[0])


def test_initializers_and_metadata_carry_the_names_of_the_specification(make_layer):
    layer = make_layer(query_norm="batch", query_bias=True, expert="glu")
    model = build_model(layer)
    assert [tensor.name for tensor in model.graph.initializer] == list(layer.config.shapes())
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    assert metadata["peerspec.spec"] == SPEC_VERSION
    assert PeerConfig.from_json(metadata["peerspec.config"]) == layer.config
    assert json.loads(metadata["peerspec.config"])["expert"] == "glu"
    assert (model.ir_version, {entry.domain: entry.version for entry in model.opset_import}) == (
        8,
        {"": 18, "peer": 1},
    )


@pytest.mark.parametrize("leading", ["batch", ("a", "a"), ("T",), ("1",), ("a b",), (3,)])
def test_leading_axes_that_are_not_distinct_names_are_refused(make_layer, leading):
    with pytest.raises(ExportError, match="leading ax"):
        build_model(make_layer(), leading=leading)
