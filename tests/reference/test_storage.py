"""The file form: a saved layer comes back unchanged, and a file that is not a layer is refused."""

import json
import os
import pickle
import re
import struct
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from peerspec.files.shown import shown
from peerspec.reference import (
    DTYPES,
    SPEC_VERSION,
    ConfigError,
    FileFormError,
    Layer,
    PeerConfig,
    TableError,
    compute_dtype,
    layers_metadata,
    list_layers,
    storage,
)
from peerspec.reference.config import STATISTICS

CONFIG = PeerConfig(
    d_model=5, heads=3, num_experts=16, top_k=6, d_key=8, d_out=7, query_bias=True, expert="glu", query_norm="batch"
)


def header_of(path: Path) -> tuple[dict[str, Any], bytes]:
    raw = path.read_bytes()
    (length,) = struct.unpack("<Q", raw[:8])
    return json.loads(raw[8 : 8 + length]), raw[8 + length :]


def write(path: Path, header: dict[str, Any], data: bytes) -> None:
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "layer.safetensors"
    Layer.random(CONFIG).save(path)
    return path


@pytest.mark.parametrize("name", DTYPES)
def test_a_layer_comes_back_to_the_bit(tmp_path: Path, name: str) -> None:
    layer = Layer.random(CONFIG, dtype=DTYPES[name])
    layer.save(tmp_path / "layer")
    back = Layer.load(tmp_path / "layer")
    assert back.config == layer.config
    assert list(back.params) == list(layer.params)
    for key, array in layer.params.items():
        assert back.params[key].dtype == array.dtype
        assert back.params[key].tobytes() == array.tobytes()


def test_tables_are_read_only_maps_of_the_file(saved: Path) -> None:
    table = Layer.load(saved).params["experts.u"]
    with pytest.raises(ValueError, match="read-only"):
        table[0] = 0
    base: Any = table
    while base is not None and not isinstance(base, np.memmap):
        base = base.base
    assert isinstance(base, np.memmap)


def test_strided_parameters_are_saved_by_value(tmp_path: Path) -> None:
    layer = Layer.random(CONFIG)
    params = {name: np.asfortranarray(array) for name, array in layer.params.items()}
    Layer(CONFIG, params).save(tmp_path / "layer")
    back = Layer.load(tmp_path / "layer")
    assert all((back.params[name] == array).all() for name, array in layer.params.items())


def test_the_metadata_hold_the_configuration_and_the_version(saved: Path) -> None:
    metadata = header_of(saved)[0]["__metadata__"]
    assert metadata["peerspec.spec"] == SPEC_VERSION
    assert PeerConfig.from_json(metadata["peerspec.config"]) == CONFIG


def test_a_path_that_exists_is_refused_unless_told_to_overwrite(saved: Path) -> None:
    before = saved.read_bytes()
    other = Layer.random(CONFIG, seed=1)
    with pytest.raises(FileFormError, match="exists; choose another path or pass overwrite=True"):
        other.save(saved)
    assert saved.read_bytes() == before
    other.save(saved, overwrite=True)
    assert Layer.load(saved).params["keys"].tobytes() == other.params["keys"].tobytes()
    assert os.listdir(saved.parent) == [saved.name]


@pytest.mark.parametrize("failure", [OSError("disk full"), KeyboardInterrupt()])
def test_a_save_that_fails_leaves_no_file_and_keeps_the_old_one(
    saved: Path, monkeypatch: pytest.MonkeyPatch, failure: BaseException
) -> None:
    def half(tensors: Any, path: str, metadata: Any) -> None:
        Path(path).write_bytes(b"half")
        raise failure

    monkeypatch.setattr("peerspec.reference.storage.save_file", half)
    before, layer = saved.read_bytes(), Layer.random(CONFIG)
    for name in (saved.name, "new"):
        with pytest.raises((FileFormError, KeyboardInterrupt)) as caught:
            layer.save(saved.parent / name, overwrite=True)
        if isinstance(failure, OSError):
            assert str(caught.value) == (
                f"cannot write {saved.parent / name}: disk full; choose a folder that can be written and has room"
            )
    assert os.listdir(saved.parent) == [saved.name]
    assert saved.read_bytes() == before


@pytest.mark.parametrize("parent", ["missing", "file"])
def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, parent: str) -> None:
    (tmp_path / "file").touch()
    path = tmp_path / parent / "layer"
    with pytest.raises(FileFormError, match=f"cannot write {re.escape(str(path))}: .*; choose a folder"):
        Layer.random(CONFIG).save(path)


def test_a_folder_can_neither_be_loaded_nor_overwritten(tmp_path: Path) -> None:
    with pytest.raises(FileFormError, match=r"is not a file; pass a layer written by Layer\.save"):
        Layer.load(tmp_path)
    (tmp_path / "folder").mkdir()
    with pytest.raises(FileFormError, match="cannot write"):
        Layer.random(CONFIG).save(tmp_path / "folder", overwrite=True)
    assert os.listdir(tmp_path) == ["folder"]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileFormError, match="missing is not a file"):
        Layer.load(tmp_path / "missing")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda raw: b"",
        lambda raw: raw[:5],
        lambda raw: raw[:100],
        lambda raw: raw[:-1],
        lambda raw: raw + b"\0",
        lambda raw: raw[:8] + b"#" + raw[9:],
        lambda raw: struct.pack("<Q", 2**62) + raw[8:],
        lambda raw: pickle.dumps({"keys": [1.0]}),
    ],
    ids=["empty", "five bytes", "header cut", "data cut", "data too long", "header no JSON", "length", "pickle"],
)
def test_a_damaged_file_or_one_of_another_format_is_refused(saved: Path, spoil: Any) -> None:
    saved.write_bytes(spoil(saved.read_bytes()))
    with pytest.raises(FileFormError, match=r"is not a readable safetensors file \(.*\); pass a complete layer file"):
        Layer.load(saved)


def test_a_pickle_is_never_executed(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> Any:
            return os.mkdir, (str(tmp_path / "executed"),)

    (tmp_path / "layer").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(FileFormError, match="not a readable safetensors file"):
        Layer.load(tmp_path / "layer")
    assert os.listdir(tmp_path) == ["layer"]


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}, {"peerspec.config": "{}"}])
def test_safetensors_of_another_origin_are_refused(tmp_path: Path, metadata: Any) -> None:
    save_file({"keys": np.zeros(3)}, tmp_path / "other", metadata=metadata)
    with pytest.raises(FileFormError, match="without a peerspec configuration in its metadata; build a Layer"):
        Layer.load(tmp_path / "other")


def test_a_parameter_of_more_axes_than_numpy_has_is_refused(saved: Path) -> None:
    header, data = header_of(saved)
    header["keys"]["shape"] += [1] * 70
    write(saved, header, data)
    with pytest.raises(TableError, match=r"keys must have shape .*, got \(1, 2, 4, 4, 1, .{0,50}… \(PAR-1\)"):
        Layer.load(saved)


MAJOR = SPEC_VERSION.split(".")[0]


@pytest.mark.parametrize("version", ["0.9", SPEC_VERSION, "1.0-rc", "1.0", f"{MAJOR}.1-rc", f"{MAJOR}.77"])
def test_a_file_of_an_earlier_version_or_of_a_later_minor_one_is_read(saved: Path, version: str) -> None:
    restate(saved, spec=version)
    assert Layer.load(saved).config == CONFIG


@pytest.mark.parametrize(
    "version",
    ["0.banana", "0.8", "0.9-rc", "0.10", f"{int(MAJOR) + 1}.0", "1", "1.0.0", "01.0", "1.01", "1.0-rc1", " 1.0",
     "1.0\n", "1.-1", "١.0", "", "1" * 5000 + ".0"],
)  # fmt: skip
def test_a_file_of_any_other_version_is_refused(saved: Path, version: str) -> None:
    restate(saved, spec=version)
    message = (
        f"was written for spec {shown(version)}, this package reads 0.9 and 1.0-rc to {MAJOR}.x; install a matching"
    )
    with pytest.raises(FileFormError, match=re.escape(message)):
        Layer.load(saved)


@pytest.mark.parametrize("name", DTYPES)
def test_the_running_statistics_of_a_file_of_0_9_are_widened_to_the_compute_dtype(tmp_path: Path, name: str) -> None:
    dtype = DTYPES[name]
    params = {key: np.full(shape, 1.25, dtype) for key, shape in CONFIG.shapes().items()}
    metadata = {"peerspec.spec": "0.9", "peerspec.config": CONFIG.to_json()}
    save_file(params, tmp_path / "layer", metadata=metadata)
    for key, array in Layer.load(tmp_path / "layer").params.items():
        assert array.dtype == (compute_dtype(dtype) if key in STATISTICS else dtype), key
        assert (array == np.float64(1.25)).all()


def old_file(path: Path, **others: Any) -> Path:
    """A file of version 0.9 with other parameters."""
    params = dict(Layer.random(CONFIG).params) | {name.replace("__", "."): array for name, array in others.items()}
    save_file(params, path, metadata={"peerspec.spec": "0.9", "peerspec.config": CONFIG.to_json()})
    return path


@pytest.mark.parametrize("name", ["query_norm__mean", "experts__v"])
def test_a_file_of_0_9_with_two_dtypes_is_refused(tmp_path: Path, name: str) -> None:
    path = old_file(tmp_path / "layer", **{name: np.ones(CONFIG.shapes()[name.replace("__", ".")])})
    for read in (Layer.load, list_layers):
        with pytest.raises(FileFormError, match=r"spec 0\.9, where all .* one dtype, but holds F32 and F64; .*PAR-7"):
            read(path)


def test_a_file_of_0_9_with_several_layers_is_refused(model: Path) -> None:
    restate(model, spec="0.9")
    with pytest.raises(FileFormError, match=r"for spec 0\.9, whose files hold one layer, but has .*PAR-7"):
        list_layers(model)


def restate(path: Path, **values: str) -> None:
    """Change entries ``peerspec.<name>`` of the metadata."""
    header, data = header_of(path)
    header["__metadata__"] |= {f"peerspec.{name}": value for name, value in values.items()}
    write(path, header, data)


def twice(text: str, name: str) -> str:
    """The JSON object with its first entry again under the same name."""
    decoder = json.JSONDecoder()
    at = text.index(f'"{name}":') + len(name) + 3
    value, end = decoder.raw_decode(text, at + 1)
    return text[:end] + f', "{name}": {json.dumps(value)}' + text[end:]


@pytest.mark.parametrize("name", ["keys", "peerspec.spec", "peerspec.config", "__metadata__", "dtype"])
def test_a_header_that_gives_a_name_twice_is_refused(saved: Path, name: str) -> None:
    header, data = header_of(saved)
    text = twice(json.dumps(header), name).encode()
    saved.write_bytes(struct.pack("<Q", len(text)) + text + data)
    with pytest.raises(FileFormError, match=r"not a readable safetensors file \(.*(given twice|duplicate field)"):
        Layer.load(saved)


def test_a_configuration_that_gives_a_field_twice_is_refused(saved: Path) -> None:
    restate(saved, config=twice(CONFIG.to_json(), "top_k"))
    with pytest.raises(ConfigError, match=r"layer\.safetensors: .*the name 'top_k' is given twice"):
        Layer.load(saved)


SMALL = PeerConfig(d_model=4, heads=1, num_experts=9, top_k=2, d_key=4)
SEVERAL = {"blocks.0.ffn": Layer.random(CONFIG, seed=3), "blocks.1.ffn": Layer.random(SMALL, dtype=DTYPES["bfloat16"])}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A file with two layers, and a tensor of no layer in a dtype that no layer has."""
    path = tmp_path / "model.safetensors"
    tensors: dict[str, Any] = {"steps": np.zeros(0, np.int64), "blocks.0.ffnish": np.ones(3, np.float32)}
    for prefix, layer in SEVERAL.items():
        tensors |= {f"{prefix}.{name}": array for name, array in layer.params.items()}
    save_file(tensors, path, metadata=layers_metadata({prefix: layer.config for prefix, layer in SEVERAL.items()}))
    return path


def test_each_layer_of_a_file_comes_back_under_its_prefix(model: Path) -> None:
    assert list_layers(model) == {prefix: layer.config for prefix, layer in SEVERAL.items()}
    for prefix, layer in SEVERAL.items():
        back = Layer.load(model, prefix=prefix)
        assert back.config == layer.config
        assert all(back.params[name].tobytes() == array.tobytes() for name, array in layer.params.items())


def test_the_list_of_a_layer_file_has_its_one_layer_without_prefix(saved: Path) -> None:
    assert list_layers(saved) == {"": CONFIG}
    assert Layer.load(saved, prefix="").config == CONFIG


def test_a_prefix_is_needed_where_there_are_prefixes_and_refused_where_there_are_none(model: Path, saved: Path) -> None:
    with pytest.raises(
        FileFormError, match=r"holds layers with prefixes; pass one of prefix='blocks\.0\.ffn', 'blocks"
    ):
        Layer.load(model)
    with pytest.raises(FileFormError, match=r"has no layer with the prefix 'blocks'; pass one of prefix='blocks\.0"):
        Layer.load(model, prefix="blocks")
    with pytest.raises(FileFormError, match="is the file of one layer, without prefixes; leave out the prefix 'ffn'"):
        Layer.load(saved, prefix="ffn")


@pytest.mark.parametrize("prefix", SEVERAL)
def test_a_file_is_refused_for_each_of_its_layers_if_one_has_a_tensor_that_is_no_parameter(
    model: Path, prefix: str
) -> None:
    header, data = header_of(model)
    header["blocks.1.ffn.more"] = header.pop("blocks.0.ffnish")
    write(model, header, data)
    for read in (list_layers, lambda path: Layer.load(path, prefix=prefix)):
        with pytest.raises(TableError, match=r"layer 'blocks\.1\.ffn': 'more' is not a parameter"):
            read(model)


@pytest.mark.parametrize("prefix", SEVERAL)
def test_a_file_is_refused_for_each_of_its_layers_if_one_lacks_a_parameter(model: Path, prefix: str) -> None:
    header, data = header_of(model)
    header["other"] = header.pop("blocks.1.ffn.keys")
    write(model, header, data)
    with pytest.raises(TableError, match=r"layer 'blocks\.1\.ffn': the layer lacks the parameter 'keys'"):
        Layer.load(model, prefix=prefix)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ("{}", "there is no layer; name at least one prefix"),
        ("[]", "peerspec.layers must be a JSON object"),
        ("{", "peerspec.layers must be a JSON object"),
        (json.dumps({"": json.loads(SMALL.to_json())}), "a prefix is empty"),
        (json.dumps({"a": 1, "a.b": 1}), "the prefix 'a.b' lies under the prefix 'a'"),
        (json.dumps({"a.b.c": 1, "a": 1, "a.b1": 1}), "the prefix 'a.b.c' lies under the prefix 'a'"),
        ('{"a": 1, "a": 1}', "peerspec.layers cannot be read: the name 'a' is given twice"),
        ('{"\\ud800": 1}', "peerspec.layers cannot be read: '\\ud800' holds half of a surrogate pair"),
        (json.dumps({"x" * 1000: {}}), f"the layer '{'x' * 58}…: a configuration must have all of"),
        (json.dumps({"a": {}}), "the layer 'a': a configuration must have all of"),
        (json.dumps({"a": None}), "the layer 'a': a configuration must be a JSON object"),
        (twice(json.dumps({"a": json.loads(SMALL.to_json())}), "top_k"), "the name 'top_k' is given twice"),
    ],
)
def test_layers_that_no_file_can_have_are_refused(model: Path, layers: str, message: str) -> None:
    restate(model, layers=layers)
    for read in (list_layers, Layer.load):
        with pytest.raises((FileFormError, ConfigError), match=f"^{re.escape(str(model))}: .*{re.escape(message)}"):
            read(model)


def test_a_file_that_is_described_as_one_layer_and_as_several_is_refused(model: Path) -> None:
    restate(model, config=CONFIG.to_json())
    with pytest.raises(FileFormError, match=r"peerspec\.config of one layer and peerspec\.layers of several"):
        Layer.load(model, prefix="blocks.0.ffn")


@pytest.mark.parametrize("prefixes", [[], [""], ["a", "a.b"], ["\ud800"], [3]])
def test_no_metadata_are_made_of_prefixes_that_no_file_can_have(prefixes: list[str]) -> None:
    with pytest.raises(FileFormError, match=r"cannot be described: .* \(PAR-8\)"):
        layers_metadata(dict.fromkeys(prefixes, SMALL))


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [("colour", 1, "unknown configuration field 'colour'"), ("num_experts", 15, "perfect square, got 15")],
)
def test_a_configuration_in_a_file_is_checked(saved: Path, field: str, value: int, message: str) -> None:
    header, data = header_of(saved)
    config = json.loads(header["__metadata__"]["peerspec.config"]) | {field: value}
    header["__metadata__"]["peerspec.config"] = json.dumps(config)
    write(saved, header, data)
    with pytest.raises(ConfigError, match=message):
        Layer.load(saved)


@pytest.mark.parametrize("field", [field.name for field in fields(PeerConfig)])
def test_a_file_that_lacks_a_field_of_the_configuration_is_refused(saved: Path, field: str) -> None:
    header, data = header_of(saved)
    config = json.loads(header["__metadata__"]["peerspec.config"])
    del config[field]
    header["__metadata__"]["peerspec.config"] = json.dumps(config)
    write(saved, header, data)
    with pytest.raises(ConfigError, match=rf"{saved.name}: .* lacks {field}; add what .* no default .*PAR-6"):
        Layer.load(saved)


def test_a_file_whose_shapes_contradict_its_configuration_is_refused(saved: Path) -> None:
    header, data = header_of(saved)
    header["keys"]["shape"] = [1, 2, 2, 8]
    write(saved, header, data)
    with pytest.raises(TableError, match=r"keys must have shape \(1, 2, 4, 4\) .*, got \(1, 2, 2, 8\)"):
        Layer.load(saved)


def test_a_file_with_nan_is_refused(saved: Path) -> None:
    header, data = header_of(saved)
    start = header["experts.v"]["data_offsets"][0]
    write(saved, header, data[:start] + struct.pack("<f", float("nan")) + data[start + 4 :])
    with pytest.raises(TableError, match=r"experts\.v holds NaN or infinity"):
        Layer.load(saved)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((16, 5), np.int32), "experts.u has dtype I32; a layer holds F64, F32, BF16, F16"),
        (np.zeros((0, 5), np.float32), r"experts.u must have shape \(16, 5\) .*, got \(0, 5\)"),
    ],
)
def test_a_file_with_a_table_that_no_layer_can_have_is_refused(saved: Path, array: Any, message: str) -> None:
    metadata = header_of(saved)[0]["__metadata__"]
    save_file(dict(Layer.random(CONFIG).params) | {"experts.u": array}, saved, metadata=metadata)
    with pytest.raises(TableError, match=message):
        Layer.load(saved)


@pytest.mark.parametrize("layers", [["a"], None, {"a": CONFIG.to_json()}, {"a": None}])
def test_no_metadata_are_made_of_other_types(layers: Any) -> None:
    with pytest.raises(FileFormError, match=r"cannot be described: layers must map .*, got .* \(PAR-8\)"):
        layers_metadata(layers)


def test_a_file_that_is_replaced_while_it_is_read_gives_one_layer_and_not_a_mixture(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new file takes the name between the header and the numbers."""
    new, old = Layer.random(CONFIG, seed=1), Layer.load(saved)
    read_header = storage.read_header

    def replace_after(file: Any) -> Any:
        header = read_header(file)
        new.save(saved, overwrite=True)
        return header

    monkeypatch.setattr(storage, "read_header", replace_after)
    read = Layer.load(saved)
    assert all(read.params[name].tobytes() == array.tobytes() for name, array in old.params.items())
    monkeypatch.undo()
    assert Layer.load(saved).params["keys"].tobytes() == new.params["keys"].tobytes()


def test_a_file_that_is_cut_while_it_is_read_is_one_sentence(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read_header = storage.read_header

    def cut_after(file: Any) -> Any:
        header = read_header(file)
        saved.write_bytes(b"")
        return header

    monkeypatch.setattr(storage, "read_header", cut_after)
    with pytest.raises(FileFormError, match=r"cannot map .* into memory: "):
        Layer.load(saved)


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="open files are counted in Linux's /proc")
def test_a_layer_keeps_at_most_one_file_open(saved: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    layers = [Layer.load(saved) for _ in range(20)]
    assert len(os.listdir("/proc/self/fd")) <= before + len(layers)


def test_a_file_of_many_tensors_is_refused_before_they_are_mapped(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    many = {f"t{i}": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for i in range(70_000)}
    header, data = header_of(saved)
    write(saved, header | many, data)
    monkeypatch.setattr(storage, "_mapped", None)
    with pytest.raises(TableError, match=r"'t0' is not a parameter of this configuration"):
        Layer.load(saved)


def test_prefixes_of_many_dots_are_compared_in_a_moment(model: Path) -> None:
    """Comparing each of its beginnings with every prefix would take minutes."""
    restate(model, layers=json.dumps({"a" + ".a" * 1_000_000: 1, "a" + ".a" * 999_999 + ".b": 1}))
    with pytest.raises(ConfigError, match=r"the layer 'a\.a\.a.{40,60}…: a configuration must be a JSON object, got 1"):
        list_layers(model)


@pytest.mark.parametrize("where", ["start", "middle"])
def test_a_layer_whose_arrays_were_changed_is_not_saved(tmp_path: Path, where: str) -> None:
    layer = Layer.random(CONFIG)
    layer.params["experts.v"].flat[0 if where == "start" else 40] = np.nan
    with pytest.raises(TableError, match=r"experts\.v holds NaN or infinity; .* \(PAR-3\)"):
        layer.save(tmp_path / "layer")
    assert os.listdir(tmp_path) == []


def test_a_link_to_nothing_and_a_file_that_appears_meanwhile_are_not_overwritten(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer, link = Layer.random(CONFIG, seed=1), saved.with_name("link")
    link.symlink_to("nothing")
    before = saved.read_bytes()
    with pytest.raises(FileFormError, match="link exists; choose another path"):
        layer.save(link)
    monkeypatch.setattr("os.path.lexists", lambda path: False)  # as if it appeared after this question
    for path in (link, saved):
        with pytest.raises(FileFormError, match="exists; choose another path or pass overwrite=True"):
            layer.save(path)
    assert (saved.read_bytes(), link.is_symlink()) == (before, True)
    assert sorted(os.listdir(saved.parent)) == ["layer.safetensors", "link"]


PATHS = {"too long": ("n" * 300, "File name too long"), "NUL": ("a\0b", "null byte"), "surrogate": ("\ud800", "encode")}


@pytest.mark.parametrize(("name", "reason"), PATHS.values(), ids=PATHS)
def test_a_path_that_no_file_can_have_is_one_sentence(tmp_path: Path, name: str, reason: str) -> None:
    for read in (Layer.load, list_layers):
        with pytest.raises(FileFormError, match=f"^cannot read .*: .*{reason}.*; pass a file that can be read$"):
            read(tmp_path / name)
    for overwrite in (False, True):
        with pytest.raises(FileFormError, match=f"^cannot write .*: .*{reason}.*; choose a folder") as caught:
            Layer.random(CONFIG).save(tmp_path / name, overwrite=overwrite)
        assert str(caught.value).isprintable()
    assert os.listdir(tmp_path) == []


def test_a_file_that_may_not_be_read_is_one_sentence(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(storage.os, "open", refuse)
    with pytest.raises(FileFormError, match=r"cannot read .*: Permission denied; pass a file that can be read"):
        Layer.load(saved)


def test_a_pipe_is_refused_without_waiting_for_its_writer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FileFormError, match=r"pipe is not a file; pass a layer written by Layer\.save"):
        Layer.load(tmp_path / "pipe")
