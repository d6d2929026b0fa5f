"""ONX-2 … ONX-4: kernels instead of bodies are judged like any backend, and refuse in one sentence."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from peerspec.export import build_model, ort
from peerspec.export.domain import DOMAIN
from peerspec.export.expert_stage import expert_stage
from peerspec.export.graph import assemble
from peerspec.export.onnx_package import helper, parser
from peerspec.export.product_key_top_k import product_key_top_k
from peerspec.export.tensors import inline_tensor
from peerspec.reference import DTYPES, Layer, select_exhaustive
from peerspec.reference.config import ACTIVATIONS

Arrays = dict[str, NDArray[Any]]


def session(model: Any, library: Path | None, threads: int = 2) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4  # the failures here are expected
    if library:
        ort.register(options, library)
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def node(op: str, arrays: Arrays, outputs: dict[str, int], function: Any, **attributes: Any) -> Any:
    """A model of one node, whose inputs have the ranks and dtypes of ``arrays``."""
    inputs = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), [None] * array.ndim)
        for name, array in arrays.items()
    ]
    outs = [helper.make_tensor_value_info(name, kind, None) for name, kind in outputs.items()]
    made = helper.make_node(op, list(arrays), list(outputs), domain=DOMAIN, **attributes)
    return assemble(helper.make_graph([made], "node", inputs, outs), [function])


def selection(arrays: Arrays, k: int) -> Any:
    outputs = {"scores": helper.np_dtype_to_tensor_dtype(arrays["s1"].dtype), "indices": 7}
    return node("ProductKeyTopK", arrays, outputs, product_key_top_k(), k=k)


def expert_stage_model(arrays: Arrays, activation: str = "relu") -> Any:
    outputs = {"y": helper.np_dtype_to_tensor_dtype(arrays["x"].dtype)}
    glu = "w" in arrays
    function = expert_stage("glu" if glu else "mlp", "relu" if activation not in ACTIVATIONS else activation)
    return node("ExpertStageGLU" if glu else "ExpertStage", arrays, outputs, function, activation=activation)


def pairs(**changes: NDArray[Any]) -> Arrays:
    """Inputs of ExpertStage: [2, 3] tokens, D = 5, h·k = 2·3, N = 9, M = 4."""
    rng = np.random.default_rng(0)
    arrays: Arrays = {
        "x": rng.standard_normal((2, 3, 5), np.float32),
        "indices": rng.integers(0, 9, (2, 3, 2, 3)),
        "gates": rng.random((2, 3, 2, 3), np.float32),
        "u": rng.standard_normal((9, 5), np.float32),
        "v": rng.standard_normal((9, 4), np.float32),
    }
    return arrays | changes


def in_parts(model: Any) -> Any:
    """The layer under a name that no kernel has, so that its body runs, on the kernels of its stages."""
    (function,) = (function for function in model.functions if function.name == "Layer")
    function.name = model.graph.node[0].op_type = "Whole"
    return model


def run_layer(run: onnxruntime.InferenceSession, layer: Layer, x: NDArray[Any]) -> Arrays:
    c = layer.config
    picked = (*x.shape[:-1], c.heads, c.top_k)
    shapes = {"y": (*x.shape[:-1], c.d_out), "scores": picked, "indices": picked, "gates": picked}
    compute_dtype = np.float64 if layer.dtype == np.float64 else np.float32
    outputs = {name: np.empty(shape, compute_dtype) for name, shape in shapes.items()}
    outputs |= {"y": np.empty(shapes["y"], layer.dtype), "indices": np.empty(shapes["indices"], np.int64)}
    binding = run.io_binding()  # bfloat16 works only by address
    element = helper.np_dtype_to_tensor_dtype
    binding.bind_input("x", "cpu", 0, element(x.dtype), x.shape, x.ctypes.data)
    for name, out in outputs.items():
        binding.bind_output(name, "cpu", 0, element(out.dtype), out.shape, out.ctypes.data)
    run.run_with_iobinding(binding)
    return outputs


@pytest.mark.parametrize("write", [build_model, lambda layer: in_parts(build_model(layer))], ids=["whole", "in parts"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("expert", ["mlp", "glu"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_layer_of_every_kind_conforms_on_kernels(
    library, make_layer, assert_conforms, dtype, expert, activation, write
):
    layer = make_layer(dtype=DTYPES[dtype], expert=expert, activation=activation)
    x = np.random.default_rng(0).standard_normal((2, 9, 5)).astype(layer.dtype)
    assert_conforms(layer, x, *run_layer(session(write(layer), library), layer, x).values())


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "options",
    [
        {"query_norm": "batch", "query_bias": True},
        {"query_norm": "layer", "key_heads": 3},
        {"gate": "sigmoid", "query_bias": True, "key_heads": 3},
        {"top_k": 49},
        {"heads": 1, "top_k": 1},
    ],
    ids=str,
)
def test_every_option_conforms_on_the_kernel_of_the_whole_layer(library, make_layer, assert_conforms, options, dtype):
    layer = make_layer(dtype=DTYPES[dtype], **options)
    x = np.random.default_rng(0).standard_normal((700, 5)).astype(layer.dtype)  # in several parts, the last one smaller
    run = session(build_model(layer, leading=("t",)), library)
    assert_conforms(layer, x, *run_layer(run, layer, x).values())
    assert run_layer(run, layer, x[:0])["y"].shape == (0, 4)


@pytest.mark.parametrize("lead", [(), (0,), (300,), (2, 3)])
@pytest.mark.parametrize("k", [1, 5, 40])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_selection_is_exact_on_ties(library, dtype, k, lead):
    rng = np.random.default_rng(k)
    s1, s2 = (rng.integers(-2, 3, (*lead, 7)).astype(dtype) * dtype(1 / 3) for _ in range(2))
    s1[..., 0] = s2[..., -1] = -0.0
    arrays = {"s1": s1, "s2": s2}
    scores, indices = session(selection(arrays, k), library).run(None, arrays)
    expected = select_exhaustive(s1, s2, k)
    np.testing.assert_array_equal(indices, expected.indices)
    np.testing.assert_array_equal(scores, expected.scores)
    assert scores.dtype == dtype


def test_kernels_run_where_the_library_is_loaded_and_bodies_where_it_is_not(library):
    arrays = pairs(indices=np.full((2, 3, 2, 3), -1))  # which a body takes as the last row, and the core refuses
    model = expert_stage_model(arrays)
    session(model, None).run(None, arrays)
    with pytest.raises(Exception, match=r"ExpertStage: an expert id lies outside 0\.\.N-1; pass indices of"):
        session(model, library).run(None, arrays)


def test_a_token_has_the_same_bits_on_any_number_of_threads_and_in_every_batch(library):
    rng = np.random.default_rng(0)
    arrays = pairs(
        x=rng.standard_normal((33, 37), np.float32),
        indices=rng.integers(0, 99, (33, 4, 4)),
        gates=rng.random((33, 4, 4), np.float32),
        u=rng.standard_normal((99, 37), np.float32),
        v=rng.standard_normal((99, 41), np.float32),
    )
    model = expert_stage_model(arrays, "gelu")
    (whole,) = session(model, library, threads=1).run(None, arrays)
    (again,) = session(model, library, threads=3).run(None, arrays)
    assert whole.tobytes() == again.tobytes()
    few = {name: array[:5] if name in ("x", "indices", "gates") else array for name, array in arrays.items()}
    assert session(model, library).run(None, few)[0].tobytes() == whole[:5].tobytes()


def test_no_tokens_give_no_rows(library):
    arrays = pairs()
    none = {name: array[:0] if name in ("x", "indices", "gates") else array for name, array in arrays.items()}
    assert session(expert_stage_model(none), library).run(None, none)[0].shape == (0, 3, 4)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"x": np.zeros((2, 4, 5), np.float32)}, r"x must be \[\.\.\., D\], .* got \[2, 4, 5\], \[2, 3, 2, 3\] and"),
        ({"gates": np.zeros((2, 3, 2, 4), np.float32)}, "indices and gates"),
        ({"indices": np.zeros((2, 3, 6), np.int64), "gates": np.zeros((2, 3, 6), np.float32)}, "indices and gates"),
        ({"x": np.zeros((2, 3, 6), np.float32)}, r"where x is \[\.\.\., D\], got u \[9, 5\]"),
        ({"v": np.zeros((8, 4), np.float32)}, r"v \[N, M\] .* got v \[8, 4\], u \[9, 5\]"),
        ({"u": np.zeros((9, 5, 1), np.float32)}, r"got u \[9, 5, 1\]"),
        ({"w": np.zeros((9, 4), np.float32)}, r"ExpertStageGLU: u and w must be .* got w \[9, 4\]"),
        ({"v": np.zeros((9, 0), np.float32)}, r"got v \[9, 0\]"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(library, changes, sentence):
    arrays = pairs(**changes)
    with pytest.raises(Exception, match=sentence):
        session(expert_stage_model(arrays), library).run(None, arrays)


@pytest.mark.parametrize(
    ("arrays", "k", "sentence"),
    [
        ({"s1": np.zeros((2, 3), np.float32), "s2": np.zeros((2, 4), np.float32)}, 1, r"one shape \[\.\.\., n\], got"),
        ({"s1": np.zeros((2, 0), np.float32), "s2": np.zeros((2, 0), np.float32)}, 1, "one shape"),
        (
            {"s1": np.zeros((2, 3), np.float32), "s2": np.zeros((2, 3), np.float32)},
            10,
            r"k must lie in .* n = 3, got 10",
        ),
        ({"s1": np.zeros((2, 3), np.float32), "s2": np.zeros((2, 3), np.float32)}, 0, "got 0"),
    ],
)
def test_half_scores_that_do_not_fit_are_refused(library, arrays, k, sentence):
    with pytest.raises(Exception, match=f"ProductKeyTopK: .*{sentence}"):
        session(selection(arrays, k), library).run(None, arrays)


def test_an_unknown_activation_is_refused_when_the_session_is_made(library):
    with pytest.raises(Exception, match=r"activation must be one of relu, .*, got 'swish' \(CFG-5\)"):
        session(expert_stage_model(pairs(), "swish"), library)


def test_types_without_a_kernel_are_refused_when_the_session_is_made(library):
    halves = {name: array.astype(np.float16) if array.dtype == np.float32 else array for name, array in pairs().items()}
    with pytest.raises(Exception, match=r"ExpertStage"):
        session(expert_stage_model(halves), library)


def damaged(model: Any, change: Callable[[Any], object]) -> Any:
    """The model of a layer whose parameters are inputs, its one node changed."""
    change(model.graph.node[0])
    return model


def set_config(**fields: Any) -> Callable[[Any], object]:
    def change(made: Any) -> None:
        held = json.loads(made.attribute[0].s)
        changed = {name: value for name, value in (held | fields).items() if value is not None}
        made.attribute[0].s = json.dumps(changed).encode()

    return change


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (set_config(top_k=None), r"config lacks the field 'top_k'; export the model again \(PAR-6\)"),
        (set_config(extra=1), "config has an unknown field 'extra'"),
        (set_config(heads=0), "config heads must be a positive number, got 0"),
        (set_config(heads="3"), 'config heads must be a positive number, got "3"'),
        (set_config(query_bias=1), "config query_bias must be true or false, got 1"),
        (set_config(activation="swish"), 'config activation must be a name of CFG-5, got "swish"'),
        (set_config(num_experts=48), "config num_experts must be a perfect square, got 48"),
        (set_config(d_key=7), "config d_key must be even, got 7"),
        (set_config(top_k=50), "config top_k must be num_experts at most, got 50"),
        (set_config(key_heads=2), "config key_heads must be 1 or heads, got 2"),
        (lambda made: setattr(made.attribute[0], "s", b"[]"), "config must be a JSON object without nesting"),
        (lambda made: setattr(made.attribute[0], "s", b'{"d_model": 5'), "config must be a JSON object"),
    ],
)
def test_an_invalid_configuration_is_refused_when_the_session_is_made(library, make_layer, change, sentence):
    with pytest.raises(Exception, match=f"Layer: {sentence}"):
        session(damaged(build_model(make_layer()), change), library)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (set_config(d_model=6), r"x must be \[\.\.\., D\] of D = 6, got \[2, 5\] \(SHP-1\)"),
        (set_config(heads=4, key_heads=1), r"query.weight must be float \[4, 8, 5\], got float \[3, 8, 5\] \(PAR-1\)"),
        (set_config(d_out=3), r"experts.v must be float \[49, 3\], got float \[49, 4\]"),
        (set_config(expert="glu"), "has a parameter experts.w and the node has 5 inputs"),
        (lambda made: made.input.extend(["keys"]), "has 5 inputs and the node 6; export the model again"),
    ],
)
def test_parameters_that_do_not_fit_the_configuration_are_refused(library, make_layer, change, sentence):
    run = session(damaged(build_model(make_layer(), leading=("t",)), change), library)
    with pytest.raises(Exception, match=f"Layer: .*{sentence}"):
        run.run(None, {"x": np.zeros((2, 5), np.float32)})


def test_narrow_running_statistics_are_refused(library, make_layer):
    layer = make_layer(np.float16, query_norm="batch")
    model = build_model(layer, leading=("t",))
    for tensor in model.graph.initializer:
        if tensor.name == "query_norm.var":
            tensor.CopyFrom(inline_tensor(tensor.name, layer.params[tensor.name].astype(np.float16)))
    with pytest.raises(Exception, match=r"query_norm.var must be float \[3, 8\], got float16 \[3, 8\]"):
        session(model, library).run(None, {"x": np.zeros((2, 5), np.float16)})


def test_nested_functions_reach_the_kernels(library, make_layer):
    layer = make_layer()
    nested = build_model(layer, leading=("t",))
    outer = parser.parse_function(
        '<domain: "test", opset_import: ["": 18, "peer": 1]> Twice (s1, s2) => (a, b)'
        "{ a, b = peer.ProductKeyTopK <k = 10> (s1, s2) }"
    )
    graph = parser.parse_graph("g (float[r,3] s1, float[r,3] s2) => (float[r,10] a, int64[r,10] b)"
                               "{ a, b = test.Twice (s1, s2) }")  # fmt: skip
    model = assemble(graph, [*nested.functions, outer])
    model.opset_import.append(helper.make_opsetid("test", 1))
    with pytest.raises(Exception, match="ProductKeyTopK: k must lie in"):
        session(model, library).run(None, {"s1": np.zeros((1, 3), np.float32), "s2": np.zeros((1, 3), np.float32)})
