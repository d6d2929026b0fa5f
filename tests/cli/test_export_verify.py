"""``peerspec export`` and ``peerspec verify``: an exported file is verified, a changed one is refused."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from safetensors.numpy import save_file
from support.models import write_chain

from peerspec.reference import Layer, PeerConfig, layers_metadata

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


def save_several(path: Path, *prefixes: str) -> Path:
    layers = {prefix: Layer.random(PeerConfig(12, 3, 64, 4, 8), seed=seed) for seed, prefix in enumerate(prefixes)}
    tensors = {f"{prefix}.{name}": array for prefix, layer in layers.items() for name, array in layer.params.items()}
    save_file(tensors, path, metadata=layers_metadata({prefix: layer.config for prefix, layer in layers.items()}))
    return path


def test_one_layer_of_several_in_a_file_is_exported_and_verified(peerspec, tmp_path):
    file, model = save_several(tmp_path / "all.safetensors", "blocks.0", "blocks.1"), tmp_path / "model.onnx"
    exported = peerspec("export", file, model, "--prefix", "blocks.1")
    assert exported.status == 0
    assert f"peerspec verify {model} {file} --prefix=blocks.1" in exported.out
    assert "computes blocks.1 of all.safetensors" in peerspec("verify", model, file, "--prefix", "blocks.1").out
    assert peerspec("verify", model, file, "--prefix", "blocks.0").status == 1
    assert peerspec("verify", model, "--prefix", "blocks.1").status == 2


@pytest.mark.parametrize("prefix", ["-x", "a b", "it's", "line\nbreak", "\x1b[2J", "\\", "é $HOME"])
def test_the_command_after_an_export_can_be_pasted_into_bash(peerspec, tmp_path, prefix):
    folder = tmp_path / "my models"
    folder.mkdir()
    file = save_several(folder / "all.safetensors", prefix, "other")
    exported = peerspec("export", file, folder / "model.onnx", f"--prefix={prefix}")
    assert exported.out.removesuffix("\n").isprintable()
    command = exported.out.partition("verify it: ")[2].replace("peerspec", "printf '%s\\0'", 1)
    words = subprocess.run(["bash", "-c", command], capture_output=True, check=True).stdout.decode().split("\0")
    assert words == ["verify", str(folder / "model.onnx"), str(file), f"--prefix={prefix}", ""]
    verified = peerspec(*words[:-1])
    assert verified.status == 0
    assert verified.out.replace("\n", "").isprintable()
    listed = peerspec("layers", file).out.splitlines()
    assert len(listed) == 2
    assert all(line.isprintable() for line in listed)


def test_errors_of_prefixes_name_the_option(peerspec, tmp_path):
    model = tmp_path / "model.onnx"
    several = save_several(tmp_path / "all.safetensors", *(f"blocks.{i}" for i in range(10)), "z\n")
    single = save(tmp_path / "layer.safetensors")
    eight = ", ".join(f"--prefix=blocks.{i}" for i in range(8)) + " and 3 more, which `peerspec layers` lists (PAR-8)"
    for arguments, sentence in (
        ((several, model), f"{several} holds layers with prefixes; pass one of {eight}"),
        ((several, model, "--prefix", "blocks"), f"{several} holds no layer of that --prefix; pass one of {eight}"),
        ((single, model, "--prefix", "blocks"), f"{single} is the file of one layer; leave out --prefix (PAR-6)"),
        (
            (several, model, "--prefix", "blocks.1", "--prefix", "blocks.2"),
            "--prefix is given twice; a command takes one layer",
        ),
    ):
        result = peerspec("export", *arguments)
        assert (result.status, result.err) == (2, f"peerspec: {sentence}\n")
    assert not model.exists()


@pytest.mark.parametrize("kind", ["itself", "link", "data"])
def test_a_layer_file_is_never_replaced_by_its_model(peerspec, tmp_path, kind):
    layer = save(tmp_path / ("model.onnx.data" if kind == "data" else "layer"))
    before, model = layer.read_bytes(), tmp_path / {"itself": "layer", "link": "link", "data": "model.onnx"}[kind]
    if kind == "link":
        model.symlink_to(layer)
    result = peerspec("export", layer, model, "--overwrite")
    assert result.status == 2
    assert "is the layer file itself; name another MODEL" in result.err
    assert layer.read_bytes() == before


def test_an_error_cannot_write_to_the_terminal(peerspec, tmp_path):
    result = peerspec("layers", tmp_path / "a\x1b[2Jb")
    assert result.err == f"peerspec: {tmp_path}/a\\x1b[2Jb is not a file; pass a layer written by Layer.save\n"


def test_a_model_without_routing_is_verified_and_the_verdict_says_so(peerspec, tmp_path):
    layer, model = save(tmp_path / "layer.safetensors"), tmp_path / "model.onnx"
    peerspec("export", layer, model, "--no-routing")
    result = peerspec("verify", model, layer)
    assert result.status == 0
    assert "routing not shown" in result.out


@pytest.mark.parametrize("options", [["--body", "scan"], ["--inline"], ["--body", "scan", "--inline"]])
def test_every_way_of_writing_a_layer_is_verified(peerspec, tmp_path, options):
    layer = save(tmp_path / "layer.safetensors", **EVERYTHING)
    assert peerspec("export", layer, tmp_path / "model.onnx", *options).status == 0
    result = peerspec("verify", tmp_path / "model.onnx", layer)
    assert result.status == 0
    domains = {node.domain for node in onnx.load(tmp_path / "model.onnx").graph.node}
    assert domains == ({""} if "--inline" in options else {"peer"})


@pytest.mark.parametrize(("tables", "options"), [("float16", []), ("int8", []), ("int8", ["--inline"])])
def test_tables_in_fewer_bytes_are_verified_and_their_error_is_shown(peerspec, tmp_path, tables, options):
    layer, model = save(tmp_path / "layer.safetensors", expert="glu"), tmp_path / "model.onnx"
    assert peerspec("export", layer, model, "--tables", tables, *options).status == 0
    compared, alone = (peerspec("verify", *names) for names in ([model, layer], [model]))
    assert (compared.status, alone.status) == (0, 0)
    off = re.search(rf"computes layer.safetensors with {tables} tables, y ([0-9.]+)% off: every other parameter is",
                    " ".join(compared.out.split()))  # fmt: skip
    assert off is not None
    assert 0 < float(off[1]) < 2
    text = " ".join(alone.out.split())
    claims = "float32, glu" if options else "float32, select, glu"
    assert f"is a conformant PEER layer ({claims}) with {tables} tables, the file says y {off[1]}% off" in text


@pytest.mark.usefixtures("library")
def test_a_file_is_verified_on_kernels(peerspec, tmp_path):
    layer, model = save(tmp_path / "layer.safetensors"), tmp_path / "model.onnx"
    assert peerspec("export", layer, model, "--tables", "int8").status == 0
    result = peerspec("verify", model, "--kernels")
    assert result.status == 0
    assert "% off, on kernels: " in " ".join(result.out.split())


def test_tables_of_another_layer_are_refused_in_fewer_bytes_too(peerspec, tmp_path):
    layer, model = save(tmp_path / "layer.safetensors"), tmp_path / "model.onnx"
    assert peerspec("export", layer, model, "--tables", "int8").status == 0
    same = Layer.load(layer)
    params = {name: array.copy() for name, array in same.params.items()}
    params["experts.v"][5, 3] *= 1.1
    Layer(same.config, params).save(tmp_path / "other.safetensors")
    result = peerspec("verify", model, tmp_path / "other.safetensors")
    assert result.status == 1
    assert "experts.v differ from the layer's in int8" in " ".join(result.out.split())


def test_a_file_that_does_not_state_its_error_is_one_sentence(peerspec, tmp_path):
    layer, path = save(tmp_path / "layer.safetensors"), tmp_path / "model.onnx"
    assert peerspec("export", layer, path, "--tables", "int8").status == 0
    model = onnx.load(path)
    others = [entry for entry in model.metadata_props if entry.key != "peerspec.tables"]
    del model.metadata_props[:]
    model.metadata_props.extend(others)
    onnx.save(model, path)
    result = peerspec("verify", path)
    assert (result.status, result.err.count("\n")) == (2, 1)
    assert "does not state how far the tables of 'layer' are off; export it again (ONX-10)" in result.err


def test_an_unknown_body_is_one_sentence(peerspec, tmp_path):
    result = peerspec("export", save(tmp_path / "layer.safetensors"), tmp_path / "model.onnx", "--body", "loop")
    assert result.status == 2
    assert "gather" in result.err
    assert "scan" in result.err


def test_an_existing_model_is_replaced_only_with_overwrite(peerspec, exported):
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
    assert "the model holds another layer: gate is 'softmax', expected 'sigmoid'\n" in result.out


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


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no file names that are no text")
def test_a_model_whose_name_is_no_text_is_one_sentence(peerspec, exported, tmp_path):
    model = next(tmp_path.glob("*.onnx"))
    copy = tmp_path / os.fsdecode(b"M\xff.onnx")
    copy.write_bytes(model.read_bytes())
    result = peerspec("verify", copy)
    assert (result.status, result.err.count("\n")) == (2, 1)
    assert "ONNX Runtime opens no file whose path is no UTF-8" in result.err
    assert "rename it" in result.err


@pytest.fixture(scope="module")
def larger(tmp_path_factory):
    """A model of three layers of two kinds, with external tables, and the file of the second layer."""
    path = tmp_path_factory.mktemp("larger") / "model.onnx"
    layers = [Layer.random(PeerConfig(6, 2, 49, 3, 4, **options), seed=at) for at, options in enumerate(KINDS)]
    write_chain(layers, path)
    layers[1].save(path.with_name("layer.safetensors"))
    return path


KINDS = [{"activation": "relu"}, {"activation": "silu", "expert": "glu"}, {"activation": "relu"}]


def test_every_layer_of_a_larger_model_is_found_and_judged(peerspec, larger):
    result = peerspec("verify", larger)
    assert result.status == 0
    text = " ".join(result.out.split())
    for at, claims in enumerate(["float32, select", "float32, select, glu", "float32, select"]):
        assert f"model.onnx {at} is a conformant PEER layer ({claims}): " in text


def test_one_layer_of_a_larger_model_is_compared_with_its_file(peerspec, larger):
    layer = larger.with_name("layer.safetensors")
    result = peerspec("verify", larger, layer, "--node", "1")
    assert result.status == 0
    assert "model.onnx 1 computes layer.safetensors" in result.out
    assert peerspec("verify", larger, layer, "--node", "0").status == 1
    assert "holds 3 layers, '0', '1', '2'; name one of them" in peerspec("verify", larger, layer).err


def test_a_changed_table_of_a_larger_model_is_one_sentence(peerspec, larger, tmp_path):
    for file in (larger, larger.with_name("model.onnx.data")):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    data = tmp_path / "model.onnx.data"
    whole = bytearray(data.read_bytes())
    whole[0] ^= 1
    for content, sentence in [(whole, "was changed: its SHA-256"), (whole[:-1], "is truncated")]:
        data.write_bytes(content)
        result = peerspec("verify", tmp_path / "model.onnx")
        assert (result.status, result.err.count("\n")) == (2, 1)
        assert sentence in result.err


def test_a_layer_that_computes_something_else_is_told_from_the_others(peerspec, larger, tmp_path):
    proto = onnx.load(larger)
    function = next(function for function in proto.functions if function.name == "Layer_2")
    node = next(node for node in function.node if node.op_type == "ProductKeyTopK")
    node.input[:] = node.input[::-1]
    onnx.save(proto, tmp_path / "model.onnx")
    result = peerspec("verify", tmp_path / "model.onnx")
    assert result.status == 1
    text = " ".join(result.out.split())
    assert "model.onnx 0 is a conformant PEER layer" in text
    assert "model.onnx 1 is not a PEER layer: " in text
    assert "model.onnx 2 is a conformant PEER layer" in text


def test_a_model_without_layers_is_one_sentence(peerspec, tmp_path):
    x, y = (onnx.helper.make_tensor_value_info(name, 1, ["T"]) for name in "xy")
    graph = onnx.helper.make_graph([onnx.helper.make_node("Abs", ["x"], ["y"])], "g", [x], [y])
    onnx.save(onnx.helper.make_model(graph), tmp_path / "model.onnx")
    result = peerspec("verify", tmp_path / "model.onnx")
    assert (result.status, result.err.count("\n")) == (2, 1)
    assert "holds no node of the domain 'peer'" in result.err
