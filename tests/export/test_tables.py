"""ONX-9, ONX-10: tables in fewer bytes compute the layer that they widen to, and the file states the error."""

import itertools
import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import checker
from onnx.reference import ReferenceEvaluator

from peerspec.backends.onnxruntime import OrtModel
from peerspec.export import ExportError, build_model, export, ort, read_layer
from peerspec.export.expert_stage import expert_stage
from peerspec.export.stated import stated_errors
from peerspec.export.table_error import table_error
from peerspec.export.tables import narrowed, rounded
from peerspec.reference import DTYPES, Layer, PeerConfig, forward
from peerspec.reference.config import ACTIVATIONS, EXPERTS

OUTPUTS = ["y", "scores", "indices", "gates"]
FORMATS = ["float16", "int8"]
OPTIONS = {
    "mlp": {},
    "glu": {"expert": "glu", "activation": "silu", "gate": "sigmoid"},
    "norm": {"query_norm": "batch", "query_bias": True, "key_heads": 3},
}


def on_bodies(path):
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def on_kernels(path):
    options = onnxruntime.SessionOptions()
    ort.register(options)
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def in_the_reference_evaluator(path):
    return ReferenceEvaluator(onnx.load(path))


def tokens(layer, *lead):
    return np.random.default_rng(0).standard_normal((*lead, layer.config.d_model), np.float32)


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("runtime", [on_bodies, on_kernels, in_the_reference_evaluator])
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("tables", FORMATS)
def test_a_file_conforms_as_the_layer_that_its_tables_widen_to(
    make_layer, assert_conforms, tmp_path, tables, options, runtime
):
    export(make_layer(**options), tmp_path / "layer.onnx", tables=tables, external_threshold=100)
    held = read_layer(tmp_path / "layer.onnx")
    assert_conforms(held, tokens(held, 2, 9), *runtime(tmp_path / "layer.onnx").run(OUTPUTS, {"x": tokens(held, 2, 9)}))


@pytest.mark.parametrize(("body", "inline"), [("scan", False), ("gather", True), ("scan", True)])
@pytest.mark.parametrize("tables", FORMATS)
def test_every_way_of_writing_a_layer_takes_such_tables(make_layer, assert_conforms, tmp_path, tables, body, inline):
    path = tmp_path / "layer.onnx"
    export(make_layer(expert="glu"), path, tables=tables, body=body, inline=inline)
    held = read_layer(path)
    assert_conforms(held, tokens(held, 2, 9), *on_bodies(path).run(OUTPUTS, {"x": tokens(held, 2, 9)}))


@pytest.mark.parametrize("tables", FORMATS)
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_such_a_graph_passes_the_checker_with_shape_inference(make_layer, options, tables):
    checker.check_model(build_model(make_layer(**options), tables=tables), full_check=True)


def test_the_functions_for_int8_have_the_published_signatures():
    made = [expert_stage(*kind, int8=True) for kind in itertools.product(EXPERTS, ACTIVATIONS)]
    rows = ("x", "indices", "gates", "u", "u_scale", "v", "v_scale")
    assert {(f.name, tuple(f.input), tuple(f.output)) for f in made} == {
        ("ExpertStageInt8", rows, ("y",)),
        ("ExpertStageGLUInt8", (*rows, "w", "w_scale"), ("y",)),
    }


def test_an_int8_row_is_off_by_half_a_step_of_its_own_and_keeps_its_largest_number():
    rng = np.random.default_rng(0)
    rows = (rng.standard_normal((50, 33)) * 10.0 ** rng.integers(-9, 9, (50, 1))).astype(np.float32)
    rows[0] = 0
    back = rounded("experts.u", rows, "int8")
    step = np.abs(rows).max(axis=1, keepdims=True).astype(np.float64) / 127
    # quotient, factor and product round once each, by 2⁻²⁴ of at most 127 steps
    assert (np.abs(back - rows.astype(np.float64)) <= step * (0.5 + 3 * 127 * 2.0**-24)).all()
    assert (back[0] == 0).all()
    peak = np.abs(rows).argmax(axis=1)[:, None]
    got, expected = (np.take_along_axis(a, peak, 1) for a in (back, rows))
    np.testing.assert_allclose(got, expected, rtol=2.0**-22)


def test_rows_of_the_smallest_numbers_stay_finite():
    rows = np.array([[2.0**-149, -(2.0**-149)], [2.0**-140, 0], [3e38, -3e38]], np.float32)
    back = rounded("experts.u", rows, "int8")
    assert np.isfinite(back).all()
    assert np.abs(back[2]).min() > 2.9e38


@pytest.mark.parametrize(("tables", "share"), [("float16", 2), ("int8", 4)])
def test_the_tables_take_half_or_a_quarter_of_the_bytes(tables, share):
    table = np.ones((640, 256), np.float32)
    parts = narrowed("experts.u", table, tables)
    assert parts["experts.u"].nbytes * share == table.nbytes
    assert sum(part.nbytes for part in parts.values()) <= table.nbytes // share + 640 * 4
    for part in parts.values():
        assert (part[:].shape, part[:].dtype, part[3:7].shape[0]) == (part.shape, part.dtype, 4)


@pytest.mark.parametrize("tables", FORMATS)
def test_the_stated_error_is_that_of_the_file(make_layer, tmp_path, tables):
    layer, path = make_layer(expert="glu", d_model=64, top_k=4), tmp_path / "layer.onnx"
    export(layer, path, tables=tables)
    (entry,) = stated_errors(onnx.load(path), path).values()
    assert entry == (tables, table_error(layer, tables))
    x = np.random.default_rng(0).standard_normal((64, 64), np.float32)  # the tokens of table_error
    y, held = forward(layer, x).y, forward(read_layer(path), x)
    off = np.linalg.norm(held.y - y) / np.linalg.norm(y)
    assert entry[1] == pytest.approx(off, rel=1e-9)  # both in float64, summed in another order
    assert (1e-5, 1e-3)[tables == "int8"] < off < (1e-3, 2e-2)[tables == "int8"]
    np.testing.assert_array_equal(held.indices, forward(layer, x).indices)


@pytest.mark.parametrize("precision", ["float64", "bfloat16", "float16"])
def test_only_a_float32_layer_takes_such_tables(make_layer, tmp_path, precision):
    with pytest.raises(ExportError, match=rf"int8 tables need a float32 layer, this one is {precision}; convert"):
        export(make_layer(DTYPES[precision]), tmp_path / "layer.onnx", tables="int8")
    assert not list(tmp_path.iterdir())


def test_an_unknown_format_of_tables_is_refused(make_layer, tmp_path):
    with pytest.raises(
        ExportError, match="tables must be one of float16, int8, or None to keep them as they are, got 'int4'"
    ):
        export(make_layer(), tmp_path / "layer.onnx", tables="int4")


def test_numbers_beyond_float16_are_refused_and_nothing_is_left(make_layer, tmp_path):
    layer = make_layer()
    layer.params["experts.v"][-1, 0] = -7e4
    with pytest.raises(ExportError, match=r"experts.v holds 7e\+04 and the largest float16 is 65504; store the tables"):
        export(layer, tmp_path / "layer.onnx", tables="float16")
    assert not list(tmp_path.iterdir())
    export(layer, tmp_path / "layer.onnx", tables="int8")


def edited(path: Path, change) -> Path:
    model = onnx.load(path, load_external_data=False)
    change(model)
    path.write_bytes(model.SerializeToString())
    return path


def set_tables(text):
    def change(model):
        next(entry for entry in model.metadata_props if entry.key == "peerspec.tables").value = text

    return change


def retype(model):
    (tensor,) = (tensor for tensor in model.graph.initializer if tensor.name == "experts.u_scale")
    tensor.CopyFrom(onnx.numpy_helper.from_array(np.zeros(7, np.float32), tensor.name))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            retype,
            r"experts.u_scale of a layer with int8 tables must be float32 \[49\], got float32 \[7\]; export it again",
        ),
        (lambda model: model.graph.node[0].input.pop(), "takes x and query.weight, .*, got 6 inputs"),
    ],
)
def test_tables_and_factors_that_do_not_fit_are_refused(make_layer, tmp_path, change, sentence):
    export(make_layer(), tmp_path / "layer.onnx", tables="int8")
    with pytest.raises(ExportError, match=sentence):
        read_layer(edited(tmp_path / "layer.onnx", change))


@pytest.mark.parametrize("text", ["[]", "x", '{"layer": 1}', '{"layer": {"format": "int4", "error": 0}}'])
def test_a_statement_of_another_form_is_refused(make_layer, tmp_path, text):
    export(make_layer(), tmp_path / "layer.onnx", tables="int8")
    model = onnx.load(edited(tmp_path / "layer.onnx", set_tables(text)))
    with pytest.raises(ExportError, match=r"peerspec.tables must map layers to format and error"):
        stated_errors(model, "layer.onnx")


def test_one_model_holds_layers_of_several_formats(library, tmp_path):
    from peerspec.export.functions import Kind, layer_functions, layer_names

    layers = [Layer.random(PeerConfig(6, 2, 49, 3, 4, activation=kind)) for kind in ("relu", "silu")]
    kinds = [Kind(layer.config, layer.dtype, tables) for tables in (None, "float16", "int8") for layer in layers]
    names = ["Layer", "Layer_2", "LayerFloat16", "LayerFloat16_2", "LayerInt8", "LayerInt8_2"]
    assert list(layer_names(kinds).values()) == names
    functions = [function.name for function in layer_functions(kinds)]
    assert functions == [
        "ProductKeyTopK",
        "ExpertStage",
        "ExpertStage_silu",
        "ExpertStageInt8",
        "ExpertStageInt8_silu",
        *names,
    ]


def test_a_file_with_such_tables_is_a_backend_on_bodies_and_on_kernels(library, make_layer, tmp_path):
    export(make_layer(), tmp_path / "layer.onnx", tables="int8")
    plain, fast = (OrtModel(tmp_path / "layer.onnx", kernels=kernels) for kernels in (False, True))
    x = tokens(plain.layer, 7)
    np.testing.assert_array_equal(plain.run(x).indices, fast.run(x).indices)
    assert plain.tables == "int8"


def test_json_of_the_metadata_is_that_of_the_specification(make_layer):
    (entry,) = (e for e in build_model(make_layer(), tables="int8").metadata_props if e.key == "peerspec.tables")
    assert json.loads(entry.value).keys() == {"layer"}
    assert json.loads(entry.value)["layer"].keys() == {"format", "error"}
