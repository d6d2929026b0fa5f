import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from peerspec.export import ExportError, export, read_layer, tensors, write
from peerspec.export.read import read_model
from peerspec.export.stored import check_external
from peerspec.reference import DTYPES, Layer, PeerConfig, PeerError


def _assert_equal(got, layer):
    assert got.config == layer.config
    assert got.dtype == layer.dtype
    for name, array in layer.params.items():
        np.testing.assert_array_equal(got.params[name], array)


def _edit(path, change):
    model = onnx.load(path, load_external_data=False)
    change(model)
    path.write_bytes(model.SerializeToString())


def _external(model, key):
    tensor = next(t for t in model.graph.initializer if t.name == "experts.u")
    return next(entry for entry in tensor.external_data if entry.key == key)


@pytest.fixture
def model(make_layer, tmp_path):
    """A model whose larger parameters are external."""
    path = tmp_path / "layer.onnx"
    export(make_layer(), path, external_threshold=700)
    return path


@pytest.mark.parametrize("threshold", [0, 700, 1 << 20])
@pytest.mark.parametrize("precision", DTYPES)
def test_a_layer_comes_back_as_it_was_written(make_layer, tmp_path, precision, threshold):
    layer = make_layer(DTYPES[precision], query_norm="batch", query_bias=True, expert="glu")
    export(layer, tmp_path / "layer.onnx", external_threshold=threshold)
    _assert_equal(read_layer(tmp_path / "layer.onnx"), layer)


def test_tables_of_at_least_the_threshold_are_in_one_external_file(model, make_layer):
    stored = onnx.load(model, load_external_data=False).graph.initializer
    external = {t.name for t in stored if t.data_location == TensorProto.EXTERNAL}
    assert external == {name for name, array in make_layer().params.items() if array.nbytes >= 700}
    assert 0 < len(external) < len(stored)
    assert sorted(os.listdir(model.parent)) == ["layer.onnx", "layer.onnx.data"]
    assert not read_layer(model).params["experts.u"].flags.writeable


def test_a_model_moves_together_with_its_external_file(model, make_layer, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    for file in (model, write.data_path(model)):
        file.rename(tmp_path / "elsewhere" / file.name)
    _assert_equal(read_layer(tmp_path / "elsewhere" / model.name), make_layer())


def test_tables_are_written_in_pieces_whatever_their_strides(make_layer, tmp_path, monkeypatch):
    monkeypatch.setattr(tensors, "_CHUNK", 100)
    layer = make_layer()
    turned = {name: np.asfortranarray(array) for name, array in layer.params.items()}
    export(Layer(layer.config, turned), tmp_path / "layer.onnx", external_threshold=0)
    _assert_equal(read_layer(tmp_path / "layer.onnx"), layer)


def test_a_small_layer_is_one_file(make_layer, tmp_path):
    export(make_layer(), tmp_path / "layer.onnx")
    assert os.listdir(tmp_path) == ["layer.onnx"]


@pytest.mark.parametrize("existing", ["layer.onnx", "layer.onnx.data"])
def test_an_existing_file_is_replaced_only_with_overwrite(make_layer, tmp_path, existing):
    (tmp_path / existing).write_bytes(b"old")
    with pytest.raises(ExportError, match=f"{existing} exists.*overwrite=True"):
        export(make_layer(), tmp_path / "layer.onnx")
    assert (tmp_path / existing).read_bytes() == b"old"
    export(make_layer(), tmp_path / "layer.onnx", overwrite=True)
    assert read_layer(tmp_path / "layer.onnx").config == make_layer().config
    assert sorted(os.listdir(tmp_path)) == sorted({"layer.onnx", existing})  # no model named this external file


@pytest.mark.parametrize("existing", ["layer.onnx", "layer.onnx.data"])
def test_a_file_that_appears_meanwhile_is_not_replaced(make_layer, tmp_path, existing, monkeypatch):
    (tmp_path / existing).write_bytes(b"old")
    monkeypatch.setattr("os.path.lexists", lambda path: False)  # as if it appeared after this question
    with pytest.raises(ExportError, match=f"{existing} exists.*overwrite=True"):
        export(make_layer(), tmp_path / "layer.onnx", external_threshold=0)
    assert os.listdir(tmp_path) == [existing]


@pytest.mark.parametrize("path", ["absent/layer.onnx", "file/layer.onnx"])
def test_a_folder_that_cannot_be_written_is_named(make_layer, tmp_path, path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ExportError, match=r"cannot write .*layer\.onnx: .*choose a folder"):
        export(make_layer(), tmp_path / path)


def test_a_folder_with_the_name_of_the_model_is_refused(make_layer, tmp_path):
    with pytest.raises(ExportError, match="is a folder"):
        export(make_layer(), tmp_path, overwrite=True)


@pytest.mark.parametrize("step", ["tables", "model", "rename"])
def test_a_failure_while_writing_leaves_nothing(make_layer, tmp_path, monkeypatch, step):
    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    if step == "tables":
        monkeypatch.setattr(tensors.ExternalFile, "append", fail)
    elif step == "model":
        monkeypatch.setattr(write, "_serialise", fail)
    else:
        link = os.link
        monkeypatch.setattr(os, "link", lambda a, b: fail() if b.suffix == ".onnx" else link(a, b))
        monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(ExportError, match="No space left on device"):
        export(make_layer(), tmp_path / "layer.onnx", external_threshold=0)
    assert os.listdir(tmp_path) == []


def test_inline_parameters_beyond_the_limit_of_protobuf_are_refused(make_layer, tmp_path, monkeypatch):
    monkeypatch.setattr(write, "_PROTOBUF_LIMIT", 5000)
    with pytest.raises(ExportError, match="lower external_threshold"):
        export(make_layer(), tmp_path / "layer.onnx")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("content", [b"", b"\x00" * 64, b"not onnx", b"\xff" * 9])
def test_a_file_that_is_no_model_is_refused(tmp_path, content):
    (tmp_path / "layer.onnx").write_bytes(content)
    with pytest.raises(ExportError, match=r"not an ONNX file|no node of the domain"):
        read_layer(tmp_path / "layer.onnx")


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    for path in (tmp_path, tmp_path / "absent.onnx"):
        with pytest.raises(ExportError, match="is not a file"):
            read_layer(path)


def _drop_nodes(model):
    del model.graph.node[:]
    del model.metadata_props[:]


def _drop_functions(model):
    del model.functions[:]


def _drop_selection(model):
    others = [function for function in model.functions if function.name != "ProductKeyTopK"]
    del model.functions[:]
    model.functions.extend(others)


def _age(model):
    next(entry for entry in model.metadata_props if entry.key == "peerspec.spec").value = "99.0"


def _misspell_version(model):
    next(entry for entry in model.metadata_props if entry.key == "peerspec.spec").value = "1.banana"


def _next_version(model):
    next(entry for entry in model.opset_import if entry.domain == "peer").version = 2


def _drop_keys(model):
    others = [t for t in model.graph.initializer if t.name != "keys"]
    del model.graph.initializer[:]
    model.graph.initializer.extend(others)


def _drop_config(model):
    del model.graph.node[0].attribute[:]


def _drop_input(model):
    model.graph.node[0].input.pop()


def _poison_config(model):
    model.graph.node[0].attribute[0].s = b"{"


def _call_a_stage(model):
    model.graph.node[0].op_type = "ProductKeyTopK"


def _repeat(model):
    model.graph.node.add().CopyFrom(model.graph.node[0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_drop_nodes, "no node of the domain 'peer'"),
        (_drop_functions, "calls peer.Layer and holds no function of that name"),
        (_drop_selection, "calls peer.ProductKeyTopK and holds no function of that name"),
        (_age, "written for spec 99.0"),
        (_misspell_version, "written for spec 1.banana"),
        (_next_version, "imports version 2 of the domain 'peer', this package reads version 1"),
        (_drop_keys, "the parameter keys is not an initializer"),
        (_drop_config, "has no attribute config"),
        (_drop_input, "takes x and query.weight, keys, experts.u, experts.v, got 4 inputs"),
        (_poison_config, "must be a JSON object"),
        (_call_a_stage, "none of them is a whole Layer"),
        (_repeat, "holds 2 layers, 'layer', 'layer'; name one of them"),
    ],
)
def test_a_model_that_is_no_layer_is_refused_by_name(model, change, message):
    _edit(model, change)
    with pytest.raises(PeerError, match=message):
        read_layer(model)


def test_a_layer_is_read_from_nodes_without_metadata_and_from_metadata_without_nodes(make_layer, tmp_path):
    layer = make_layer(expert="glu")
    export(layer, tmp_path / "layer.onnx")
    _edit(tmp_path / "layer.onnx", lambda model: model.ClearField("metadata_props"))
    export(layer, tmp_path / "inlined.onnx", inline=True)
    for name in ("layer", "inlined"):
        _assert_equal(read_layer(tmp_path / f"{name}.onnx"), layer)
    with pytest.raises(ExportError, match=r"has no layer 'other'; it has 'layer'"):
        read_layer(tmp_path / "layer.onnx", "other")


def test_a_truncated_external_file_is_refused(model):
    data = write.data_path(model)
    data.write_bytes(data.read_bytes()[:-1])
    with pytest.raises(ExportError, match="truncated"):
        read_layer(model)


def test_a_missing_external_file_is_refused(model):
    write.data_path(model).unlink()
    with pytest.raises(ExportError, match=r"layer\.onnx\.data, which is missing"):
        read_layer(model)


@pytest.mark.parametrize("location", ["", "../secret.data", "/etc/hostname", "sub/../../secret.data", "link.data"])
def test_external_data_outside_the_folder_of_the_model_are_refused(model, location):
    secret = model.parent.parent / "secret.data"
    secret.write_bytes(bytes(1 << 20))
    (model.parent / "link.data").symlink_to(secret)
    _edit(model, lambda m: setattr(_external(m, "location"), "value", location))
    with pytest.raises(ExportError, match="outside the folder of the model"):
        read_layer(model)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("offset", "-1", "truncated"),
        ("offset", "999999999", "truncated"),
        ("offset", "x", "whole numbers"),
        ("length", "4", "takes 980 bytes, its entry says 4"),
    ],
)
def test_an_external_entry_that_does_not_fit_is_refused(model, key, value, message):
    _edit(model, lambda m: setattr(_external(m, key), "value", value))
    with pytest.raises(ExportError, match=message):
        read_layer(model)


def test_the_digest_of_the_external_file_is_the_one_other_tools_compute(model):
    check_external(model, read_model(model))
    (entry,) = [e for e in read_model(model).metadata_props if e.key == "peerspec.sha256"]
    data = write.data_path(model)
    assert json.loads(entry.value) == {data.name: hashlib.sha256(data.read_bytes()).hexdigest()}


@pytest.mark.parametrize("at", [0, 5000, -1])
def test_one_changed_byte_of_the_external_file_is_found(model, at):
    data = write.data_path(model)
    content = bytearray(data.read_bytes())
    content[at] ^= 1
    data.write_bytes(content)
    with pytest.raises(ExportError, match=r"layer\.onnx\.data was changed: its SHA-256 is [0-9a-f]{64}, the model"):
        check_external(model, read_model(model))


@pytest.mark.parametrize("value", ["[]x", "[1]", "7"])
def test_digests_that_cannot_be_read_are_refused(model, value):
    _edit(model, lambda m: setattr(next(e for e in m.metadata_props if e.key == "peerspec.sha256"), "value", value))
    with pytest.raises(ExportError, match="must be a JSON object of file names"):
        check_external(model, read_model(model))


def test_every_external_tensor_must_lie_in_its_file_not_those_of_layers_alone(model):
    _edit(model, lambda m: m.graph.initializer.add().CopyFrom(_elsewhere()))
    read_layer(model)
    with pytest.raises(ExportError, match="outside the folder of the model"):
        check_external(model, read_model(model))


def _elsewhere():
    tensor = TensorProto(name="other", data_type=TensorProto.INT64, dims=[2], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="../elsewhere")
    return tensor


def test_inline_data_that_do_not_fit_their_shape_are_refused(model):
    _edit(model, lambda m: setattr(m.graph.initializer[0], "raw_data", b"1234"))
    with pytest.raises(ExportError, match="do not fit its shape"):
        read_layer(model)


_MEASURE = """
import sys, threading
from peerspec.export import export
from peerspec.reference import Layer

def anonymous():
    lines = open("/proc/self/smaps_rollup").read().splitlines()
    return int(next(line for line in lines if line.startswith("Anonymous")).split()[1]) << 10

layer = Layer.load(sys.argv[1])
before, peak, done = anonymous(), [0], threading.Event()
def watch():
    while not done.wait(0.002):
        peak[0] = max(peak[0], anonymous())
watcher = threading.Thread(target=watch)
watcher.start()
export(layer, sys.argv[2])
done.set()
watcher.join()
print(peak[0] - before)
"""


_LINUX = os.path.exists("/proc/self/smaps_rollup")


@pytest.mark.skipif(not _LINUX, reason="anonymous memory is read from Linux's /proc")
def test_exporting_256_mib_of_mapped_tables_takes_a_few_mib_of_memory(tmp_path):
    config = PeerConfig(512, 1, 256**2, 4, 8)
    zeros = {name: np.zeros(shape, np.float32) for name, shape in config.shapes().items()}
    Layer(config, zeros).save(tmp_path / "layer.safetensors")
    arguments = [str(tmp_path / "layer.safetensors"), str(tmp_path / "layer.onnx")]
    run = subprocess.run([sys.executable, "-c", _MEASURE, *arguments], capture_output=True, text=True, check=True)
    assert (tmp_path / "layer.onnx.data").stat().st_size >= 256 << 20
    assert 0 < int(run.stdout) < 32 << 20


def test_without_onnx_the_import_says_what_to_install():
    block = "import sys; sys.modules['onnx'] = None; import peerspec.export"
    run = subprocess.run([sys.executable, "-c", block], capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert 'onnx is not installed; install it with: pip install "peerspec[onnx]"' in run.stderr


def _state_digest(model, file, digest):
    next(e for e in model.metadata_props if e.key == "peerspec.sha256").value = json.dumps({file: digest})


def _add_external(model, file, **entries):
    tensor = TensorProto(name="other", data_type=TensorProto.INT64, dims=[2], data_location=TensorProto.EXTERNAL)
    for key, value in ({"location": file} | entries).items():
        tensor.external_data.add(key=key, value=str(value))
    return tensor


def test_a_file_whose_digest_is_not_stated_is_not_read(model):
    data = model.parent / "large.data"
    data.touch()
    os.truncate(data, 1 << 40)
    _edit(model, lambda m: m.graph.initializer.add().CopyFrom(_add_external(m, data.name)))
    code = (
        "import sys; from pathlib import Path; from peerspec.export.read import read_model; "
        "from peerspec.export.stored import check_external; "
        "check_external(Path(sys.argv[1]), read_model(sys.argv[1]))"
    )
    subprocess.run([sys.executable, "-c", code, str(model)], check=True, timeout=60)


def test_a_digest_is_computed_within_a_time(model):
    data = model.parent / "large.data"
    data.touch()
    os.truncate(data, 1 << 40)
    places = {"offset": (1 << 40) - 16, "length": 16}
    _edit(model, lambda m: m.graph.initializer.add().CopyFrom(_add_external(m, data.name, **places)))
    _edit(model, lambda m: _state_digest(m, data.name, "0" * 64))
    code = (
        "import sys; from pathlib import Path; from peerspec.export.read import read_model; "
        "from peerspec.export.stored import check_external; "
        "check_external(Path(sys.argv[1]), read_model(sys.argv[1]), timeout=0.5)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(model)], capture_output=True, text=True, timeout=60)
    assert (
        f"the SHA-256 of {data} is not known within 0.5 s, the limit of --timeout; pass a longer limit" in done.stderr
    )


def test_a_few_bytes_behind_the_last_tensor_are_padding(model):
    data = write.data_path(model)
    data.write_bytes(data.read_bytes() + bytes(4096))
    _edit(model, lambda m: _state_digest(m, data.name, hashlib.sha256(data.read_bytes()).hexdigest()))
    check_external(model, read_model(model))


@pytest.mark.parametrize("text", ["location", "peerspec.spec", "query.weight", "experts.v", "scores"])
def test_a_text_that_is_not_utf_8_is_refused_wherever_it_stands(model, text):
    model.write_bytes(model.read_bytes().replace(text.encode(), text[:-1].encode() + b"\xff"))
    with pytest.raises(ExportError, match=r"holds the text b'.*xff.*', which is not UTF-8"):
        read_model(model)
