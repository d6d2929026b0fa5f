"""The backend on kernels: the whole suite, and cases that bodies cannot run."""

import importlib
import sys

import numpy as np
import onnx
import onnxruntime
import pytest

from peerspec.backends import BackendError, load
from peerspec.backends.onnxruntime import OrtModel, backend
from peerspec.backends.onnxruntime.session import OrtError, new_session
from peerspec.conformance import check_backend
from peerspec.export import build_model, export, ort
from peerspec.export.functions import Kind, layer_functions, layer_names
from peerspec.export.graph import assemble, selection_model
from peerspec.export.product_key_top_k import product_key_top_k
from peerspec.reference import InputError, Layer, PeerConfig, forward

MODULE = "peerspec.backends.onnxruntime.native"


@pytest.fixture(scope="module")
def native(library):
    return importlib.import_module(MODULE)


def config(**options):
    return PeerConfig(**({"d_model": 5, "heads": 3, "num_experts": 49, "top_k": 6, "d_key": 8, "d_out": 4} | options))


def test_the_suite_holds_and_nothing_is_declined(native):
    report = check_backend(native, size="default")
    assert report.conformant, report.verdict
    assert not report.declined
    assert set(report.precisions) == {"float64", "float32", "bfloat16", "float16"}
    assert native.profiles == backend.profiles


def test_float64_gelu_is_allowed_with_kernels_alone(native):
    # the suite checks its values, above
    layer = Layer.random(config(activation="gelu"), dtype=np.float64)
    assert native.supports(layer.config, layer.dtype) is True
    assert backend.supports(layer.config, layer.dtype) is not True
    assert native.forward(layer, np.ones((6, 5))).y.shape == (6, 4)


@pytest.mark.parametrize("query_norm", ["batch", "layer"])
def test_query_norms_run_as_inference(native, query_norm):
    layer = Layer.random(config(query_norm=query_norm))
    x = np.random.default_rng(0).standard_normal((6, 5), np.float32)
    np.testing.assert_array_equal(native.forward(layer, x).indices, forward(layer, x).indices)


def test_half_scores_without_a_kernel_are_refused_in_one_sentence(native):
    half = np.zeros(3, np.float16)
    assert backend.select(half, half, 1).indices == [0]
    with pytest.raises(InputError, match="must have one dtype of float64, float32, got float16"):
        native.select(half, half, 1)


def test_types_without_a_kernel_are_one_sentence_that_says_what_to_do(library):
    half = np.zeros((2, 3), np.float16)
    model = selection_model(product_key_top_k(), half.dtype, 3, 1).SerializeToString()
    new_session(model, threads=1)
    sentence = r"^the kernels have no ProductKeyTopK for the types in the model \(ONX-4\); run the model without "
    with pytest.raises(OrtError, match=sentence):
        new_session(model, threads=1, kernels=True)


def test_layers_of_mixed_formats_have_no_kernel(library):
    two_dtypes = build_model(Layer.random(config()))
    (table,) = (tensor for tensor in two_dtypes.graph.initializer if tensor.name == "experts.u")
    table.CopyFrom(onnx.numpy_helper.from_array(np.zeros((49, 5), np.float16), table.name))
    with pytest.raises(OrtError, match="the kernels have no Layer for the types"):
        new_session(two_dtypes.SerializeToString(), threads=1, kernels=True)


def test_a_file_runs_on_kernels_and_is_the_same_layer(library, tmp_path):
    layer = Layer.random(config(activation="silu", expert="glu"))
    export(layer, tmp_path / "layer.onnx", leading=("tokens",), external_threshold=700)
    model = OrtModel(tmp_path / "layer.onnx", kernels=True)
    x = np.random.default_rng(0).standard_normal((7, 5), np.float32)
    plain = OrtModel(tmp_path / "layer.onnx").run(x)
    np.testing.assert_array_equal(model.run(x).indices, plain.indices)
    s1, s2 = np.random.default_rng(1).standard_normal((2, 4, 7), np.float32)
    np.testing.assert_array_equal(model.select(s1, s2, 5).indices, backend.select(s1, s2, 5).indices)


def test_layers_of_several_activations_in_one_model_all_run_on_kernels(library, tmp_path):
    rng = np.random.default_rng(0)
    shapes = config(d_out=5).shapes()
    params = {name: rng.integers(-1, 2, shape).astype(np.float32) for name, shape in shapes.items()}
    layers = [Layer(config(activation=kind, d_out=5, top_k=1), params) for kind in ("relu", "identity")]
    kinds = [Kind(layer.config, layer.dtype) for layer in layers]
    graph = build_model(layers[0], leading=("t",), routing=False).graph
    second = graph.node.add()
    second.CopyFrom(build_model(layers[1], leading=("t",), routing=False).graph.node[0])
    graph.node[0].output[:] = ["between", "", "", ""]
    second.input[0] = "between"
    second.op_type, second.name = layer_names(kinds)[kinds[1]], "second"
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    ort.register(options, library)
    session = onnxruntime.InferenceSession(assemble(graph, layer_functions(kinds)).SerializeToString(), options)
    run = [node.op_type for node in onnx.load(tmp_path / "optimised.onnx").graph.node if node.domain == "peer"]
    assert run == ["Layer", "Layer_2"]
    x = rng.integers(-2, 3, (6, 5)).astype(np.float32)
    expected = forward(layers[1], forward(layers[0], x).y.astype(np.float32)).y
    np.testing.assert_array_equal(session.run(None, {"x": x})[0], expected)  # small integers: every sum is exact


def test_without_a_compiler_the_backend_is_one_sentence(monkeypatch, tmp_path):
    monkeypatch.setenv("CXX", "no-compiler")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delitem(sys.modules, MODULE, raising=False)
    with pytest.raises(BackendError, match=r"cannot be imported: KernelError: the C\+\+ compiler .* not found"):
        load(MODULE)
