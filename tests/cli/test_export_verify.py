"""``peerspec export`` and ``peerspec verify``: the file is judged, and a file that was changed is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from peerspec.reference import Layer, PeerConfig

EVERYTHING = {"gate": "sigmoid", "query_norm": "batch", "expert": "glu", "query_bias": True, "key_heads": 3}


def save(path: Path, *, seed: int = 0, dtype: str = "float32", **options: object) -> Path:
    Layer.random(PeerConfig(12, 3, 64, 4, 8, **options), seed=seed, dtype=dtype).save(path)
    return path


@pytest.fixture
def exported(peerspec, tmp_path):
    layer, model = save(tmp_path / "layer.safetensors"), tmp_path / "model.onnx"
    assert peerspec("export", layer, model).status == 0
    return layer, model


@pytest.mark.parametrize("leading", ["", "tokens", "batch,sequence", "a,b,c"])
def test_an_exported_layer_is_verified_with_any_leading_axes(peerspec, tmp_path, leading):
    layer, model = save(tmp_path / "layer.safetensors"), tmp_path / "model.onnx"
    assert peerspec("export", layer, model, "--leading", leading).status == 0
    result = peerspec("verify", model, layer)
    assert result.status == 0
    assert "model.onnx computes layer.safetensors: every parameter is the same bit for bit" in result.out


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16", "float64"])
def test_every_option_and_precision_is_verified(peerspec, tmp_path, dtype):
    layer = save(tmp_path / "layer.safetensors", dtype=dtype, activation="silu", **EVERYTHING)
    assert peerspec("export", layer, tmp_path / "model.onnx").status == 0
    assert peerspec("verify", tmp_path / "model.onnx", layer).status == 0


def test_a_model_without_trace_is_verified_untraced(peerspec, tmp_path):
    layer, model = save(tmp_path / "layer.safetensors"), tmp_path / "model.onnx"
    peerspec("export", layer, model, "--no-trace")
    result = peerspec("verify", model, layer)
    assert result.status == 0
    assert "untraced" in result.out


@pytest.mark.parametrize("options", [["--body", "scan"], ["--inline"], ["--body", "scan", "--inline"]])
def test_every_way_of_writing_a_layer_is_verified(peerspec, tmp_path, options):
    layer = save(tmp_path / "layer.safetensors", **EVERYTHING)
    assert peerspec("export", layer, tmp_path / "model.onnx", *options).status == 0
    result = peerspec("verify", tmp_path / "model.onnx", layer)
    assert result.status == 0
    domains = {node.domain for node in onnx.load(tmp_path / "model.onnx").graph.node}
    assert domains == ({""} if "--inline" in options else {"peer"})


def test_an_unknown_body_is_one_sentence(peerspec, tmp_path):
    result = peerspec("export", save(tmp_path / "layer.safetensors"), tmp_path / "model.onnx", "--body", "loop")
    assert result.status == 2
    assert "gather" in result.err
    assert "scan" in result.err


def test_an_existing_model_is_not_replaced_unasked(peerspec, exported):
    layer, model = exported
    before = model.read_bytes()
    result = peerspec("export", layer, model)
    assert (result.status, model.read_bytes() == before) == (2, True)
    assert result.err == f"peerspec: {model} exists; name another file or pass --overwrite\n"
    assert peerspec("export", layer, model, "--overwrite").status == 0


def test_one_changed_bit_of_a_parameter_is_refused(peerspec, exported):
    layer, path = exported
    model = onnx.load(path)
    tensor = next(tensor for tensor in model.graph.initializer if tensor.name == "experts.v")
    bits = np.frombuffer(tensor.raw_data, np.uint32).copy()
    bits[-1] ^= 1
    tensor.raw_data = bits.tobytes()
    onnx.save(model, path)
    result = peerspec("verify", path, layer)
    assert result.status == 1
    assert "experts.v differ from the layer's" in result.out
    assert "does not compute layer.safetensors: PAR-1" in result.out


def test_a_model_of_another_layer_is_refused(peerspec, exported, tmp_path):
    result = peerspec("verify", exported[1], save(tmp_path / "other.safetensors", gate="sigmoid"))
    assert result.status == 1
    assert "the model holds another layer" in result.out


def replace(model: onnx.ModelProto, kind: str, **changes: str) -> None:
    """Change the operator of every node of a kind, in the graph and its functions."""
    nodes = [*model.graph.node, *(node for function in model.functions for node in function.node)]
    found = [node for node in nodes if node.op_type == kind]
    assert found
    for node in found:
        node.op_type = changes["to"]


def test_another_activation_is_refused_by_what_it_computes(peerspec, exported):
    layer, path = exported
    model = onnx.load(path)
    replace(model, "Erf", to="Tanh")
    onnx.save(model, path)
    result = peerspec("verify", path, layer)
    assert result.status == 1
    assert "does not compute layer.safetensors: OUT-1" in result.out


def test_swapped_halves_are_refused(peerspec, exported):
    layer, path = exported
    model = onnx.load(path)
    body = next(function for function in model.functions if function.name == "Layer").node
    node = next(node for node in body if node.op_type == "ProductKeyTopK")
    node.input[:] = node.input[::-1]
    onnx.save(model, path)
    result = peerspec("verify", path, layer)
    assert result.status == 1
    assert "nearest to the cause" in result.out


@pytest.mark.parametrize(("model", "sentence"), [("nothing.onnx", "is not a file"), ("layer.safetensors", "ONNX file")])
def test_a_file_that_is_no_model_is_one_sentence(peerspec, exported, tmp_path, model, sentence):
    result = peerspec("verify", tmp_path / model, exported[0])
    assert (result.status, result.err.count("\n")) == (2, 1)
    assert sentence in result.err
