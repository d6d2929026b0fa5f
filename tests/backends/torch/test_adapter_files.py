"""Files of adapters: the adapters of a model come back beside its base, and beside no other one."""

from __future__ import annotations

import copy
import hashlib
import json
import os
import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from support.adapted_models import SIZES, Model, adapted_model, learned_tables, tokens
from torch import nn

from peerspec.backends.torch import (
    adapter_parameters,
    adapter_state_dict,
    add_adapters,
    load_adapters,
    peer_adapters,
    remove_adapters,
    save_adapters,
)
from peerspec.backends.torch.adapter.files import hash_of_base
from peerspec.reference import ConfigError, FileFormError, InputError, Layer, TableError
from peerspec.reference.adapter_files import read_adapters

NAMES = [f"layers.{i}.attention.{name}" for i in (0, 1) for name in ("q", "k", "v")]


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """The adapters of ``adapted_model()``."""
    path = tmp_path / "adapters.safetensors"
    save_adapters(adapted_model(), path)
    return path


def base_model(dtype: torch.dtype = torch.float64) -> Model:
    torch.manual_seed(0)
    return Model().to(dtype)


def changed(path: Path, change: Callable[[dict], Any]) -> None:
    """Change the header of a file."""
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    change(header)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data[8 + length :])


def described(change: Callable[[dict], Any]) -> Callable[[dict], None]:
    """A change of what the metadata say of adapters."""

    def both(header: dict) -> None:
        values = json.loads(header["__metadata__"]["peerspec.adapters"])
        change(values)
        header["__metadata__"]["peerspec.adapters"] = json.dumps(values)

    return both


def first(values: dict) -> dict:
    return values["layers.0.attention.q.adapter"]


@pytest.mark.stack("torch", "adapters", "`save_adapters`, `load_adapters`: files of adapters alone")
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("options", [{}, {"query_norm": "batch", "gate": "sigmoid", "query_bias": True}])
def test_the_adapters_of_a_model_come_back_to_the_bit(tmp_path: Path, dtype: torch.dtype, options: dict) -> None:
    model, other, path = adapted_model(dtype=dtype, **options), base_model(dtype), tmp_path / "adapters"
    save_adapters(model, path)
    assert load_adapters(other, path) == NAMES
    assert set(other.state_dict()) == set(model.state_dict())
    assert all(torch.equal(tensor, model.state_dict()[name]) for name, tensor in other.state_dict().items())
    assert [adapter.config for adapter in peer_adapters(other).values()] == [
        adapter.config for adapter in peer_adapters(model).values()
    ]
    assert torch.equal(other(tokens(dtype=dtype)), model(tokens(dtype=dtype)))
    learning = {id(parameter) for parameter in other.parameters() if parameter.requires_grad}
    assert learning == {id(parameter) for parameter in adapter_parameters(other)}
    assert os.listdir(tmp_path) == ["adapters"]


def test_only_adapters_are_in_the_file(saved: Path) -> None:
    model, file = adapted_model(), read_adapters(saved)
    assert list(file.adapters) == ["layers.0.attention.q.adapter", "layers.1.attention.q.adapter"]
    bytes_of_tensors = sum(tensor.nbytes for tensor in adapter_state_dict(model).values())
    assert bytes_of_tensors < saved.stat().st_size < bytes_of_tensors + 8192
    with pytest.raises(FileFormError, match="without a peerspec configuration"):
        Layer.load(saved)


def test_the_hash_is_that_of_names_dtypes_shapes_and_bytes() -> None:
    linear = nn.Linear(3, 2)
    with torch.no_grad():
        linear.weight.copy_(torch.arange(6.0).view(2, 3))
        linear.bias.zero_()
    said = b"a.q.weight float32 [2, 3]\n" + struct.pack("<6f", *range(6)) + b"a.q.bias float32 [2]\n" + bytes(8)
    assert hash_of_base({"a.q": linear}) == f"sha256:{hashlib.sha256(said).hexdigest()}"
    assert hash_of_base({"a.k": linear}) != hash_of_base({"a.q": linear})
    assert hash_of_base({"a.q": copy.deepcopy(linear).bfloat16()}) != hash_of_base({"a.q": linear})


def one_bit(model: Model) -> None:
    model.layers[1].attention.v.bias.data[3].nextafter_(torch.tensor(9.0, dtype=torch.float64))


def without_bias(model: Model) -> None:
    model.layers[1].attention.v.bias = None


OTHERS: dict[str, Callable[[Model], Any]] = {
    "one bit of a bias": one_bit,
    "no bias": without_bias,
    "another dtype": lambda model: model.bfloat16(),
    "other weights": lambda model: model.layers[0].attention.k.reset_parameters(),
}


@pytest.mark.stack("torch", "adapters", "`load_adapters` beside other weights than in training", refused=True)
@pytest.mark.parametrize("name", OTHERS)
def test_another_base_is_refused(saved: Path, name: str) -> None:
    model = base_model()
    OTHERS[name](model)
    words = (
        rf"^the adapters in {re.escape(str(saved))} were trained beside other weights, with the hash "
        r"sha256:[0-9a-f]{12}…, and those of this Model have sha256:[0-9a-f]{12}…; load the weights beside which"
    )
    with pytest.raises(FileFormError, match=words):
        load_adapters(model, saved)
    assert peer_adapters(model) == {}
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_what_is_beside_no_adapter_may_be_another_one(saved: Path) -> None:
    model = base_model()
    model.layers[0].mlp.down.reset_parameters()
    assert load_adapters(model, saved) == NAMES


def test_a_model_without_the_places_of_a_file_or_with_adapters_is_refused(saved: Path) -> None:
    with pytest.raises(InputError, match=r"an adapter for 'layers\.0\.attention\.q', and this Linear has no module"):
        load_adapters(nn.Linear(2, 2), saved)
    with pytest.raises(InputError, match="it has an adapter already; call remove_adapters first"):
        load_adapters(adapted_model(), saved)
    model = base_model()
    model.layers[0].attention.k = nn.Identity()
    with pytest.raises(InputError, match="it is a Identity, and adapters stand beside"):
        load_adapters(model, saved)


def test_a_model_without_adapters_has_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="this Model has no adapters to write; call add_adapters first"):
        save_adapters(base_model(), tmp_path / "adapters")
    model = adapted_model()
    model.layers[0].attention.k = model.layers[0].attention.k.base
    with pytest.raises(InputError, match="has the target 'k', and no linear map of the model uses it"):
        save_adapters(model, tmp_path / "adapters")
    with torch.device("meta"):
        bare = Model()
        add_adapters(bare, "q", **SIZES)
    with pytest.raises(TableError, match="on the device meta"):
        save_adapters(bare, tmp_path / "adapters")
    assert os.listdir(tmp_path) == []


def test_a_loaded_adapter_learns_on_and_is_written_over_the_old_one_only_if_told_to(saved: Path) -> None:
    model = base_model()
    load_adapters(model, saved, sparse_gradients=True)
    model(tokens()).square().mean().backward()
    assert all(parameter.grad is not None for parameter in adapter_parameters(model))
    assert model.layers[0].attention.q.adapter.targets.get_parameter("q.u").grad.is_sparse
    before = saved.read_bytes()
    learned_tables(model, seed=3)
    with pytest.raises(FileFormError, match="exists; choose another path or pass overwrite=True"):
        save_adapters(model, saved)
    assert saved.read_bytes() == before
    save_adapters(model, saved, overwrite=True)
    remove_adapters(model)
    load_adapters(model, saved)
    other = adapted_model()
    learned_tables(other, seed=3)
    assert torch.equal(model(tokens()), other(tokens()))


@pytest.mark.parametrize("failure", [OSError("disk full"), KeyboardInterrupt()])
def test_a_write_that_is_interrupted_leaves_no_file_and_keeps_the_old_one(
    saved: Path, monkeypatch: pytest.MonkeyPatch, failure: BaseException
) -> None:
    def half(tensors: Any, path: str, metadata: Any) -> None:
        Path(path).write_bytes(b"half")
        raise failure

    monkeypatch.setattr("peerspec.reference.storage.save_file", half)
    before, model = saved.read_bytes(), adapted_model()
    for name in (saved.name, "new"):
        with pytest.raises((FileFormError, KeyboardInterrupt)):
            save_adapters(model, saved.parent / name, overwrite=True)
    assert os.listdir(saved.parent) == [saved.name]
    assert saved.read_bytes() == before


@pytest.mark.parametrize("kept", [0, 7, 100, -1])
def test_a_truncated_file_is_refused(saved: Path, kept: int) -> None:
    saved.write_bytes(saved.read_bytes()[:kept])
    with pytest.raises(FileFormError, match=r"is not a readable safetensors file .*; pass a complete file written by"):
        load_adapters(base_model(), saved)


HEADERS: dict[str, tuple[Callable[[dict], Any], type[Exception], str]] = {
    "no metadata": (
        lambda h: h.pop("__metadata__"),
        FileFormError,
        "its metadata lack peerspec.spec, so it is",
    ),
    "no hash": (lambda h: h["__metadata__"].pop("peerspec.base"), FileFormError, "its metadata lack peerspec.base"),
    "no SHA-256": (
        lambda h: h["__metadata__"].update({"peerspec.base": "sha256:abc"}),
        FileFormError,
        "peerspec.base must be sha256: and 64 hexadecimal digits, got 'sha256:abc'",
    ),
    "unknown metadata": (
        lambda h: h["__metadata__"].update({"peerspec.new": "1"}),
        FileFormError,
        "'peerspec.new', which spec 1.0-rc does not know",
    ),
    "another version": (
        lambda h: h["__metadata__"].update({"peerspec.spec": "7.0"}),
        FileFormError,
        "was written for spec '7.0', this package reads 1.0-rc to 1.x",
    ),
    "a version before": (lambda h: h["__metadata__"].update({"peerspec.spec": "0.9"}), FileFormError, "spec '0.9'"),
    "no JSON": (
        lambda h: h["__metadata__"].update({"peerspec.adapters": "{"}),
        FileFormError,
        "peerspec.adapters cannot be read",
    ),
    "a name twice": (
        lambda h: h["__metadata__"].update({"peerspec.adapters": '{"a": 1, "a": 1}'}),
        FileFormError,
        "the name 'a' is given twice",
    ),
    "a list": (
        lambda h: h["__metadata__"].update({"peerspec.adapters": "[]"}),
        FileFormError,
        "must be a JSON object with an",
    ),
    "no adapter": (
        described(lambda values: values.clear()),
        FileFormError,
        "peerspec.adapters must be a JSON object with an",
    ),
    "an empty prefix": (
        described(lambda values: values.update({"": first(values)})),
        FileFormError,
        "a prefix is empty",
    ),
    "no places": (
        described(lambda values: first(values).pop("places")),
        FileFormError,
        "must have a config and",
    ),
    "a place too few": (
        described(lambda values: first(values)["places"].pop("k")),
        FileFormError,
        "must be a name for each of its targets",
    ),
    "a place that is no name": (
        described(lambda values: first(values)["places"].update({"k": 3})),
        FileFormError,
        "must be a name for each of its targets",
    ),
    "one place twice": (
        described(lambda values: first(values)["places"].update({"k": "layers.0.attention.q"})),
        FileFormError,
        "the linear map 'layers.0.attention.q' has two adapters; keep one",
    ),
    "a field of the configuration too few": (
        described(lambda values: first(values)["config"].pop("alpha")),
        ConfigError,
        "the adapter 'layers.0.attention.q.adapter': the configuration of an adapter must have the fields",
    ),
    "a wrong value": (described(lambda values: first(values)["config"].update({"rank": 0})), ConfigError, "rank must"),
    "another shape": (
        described(lambda values: first(values)["config"].update({"rank": 3})),
        TableError,
        "targets.q.u must have the shape",
    ),
    "another name of a parameter": (
        lambda h: h.update({"layers.0.attention.q.adapter.keyz": h.pop("layers.0.attention.q.adapter.keys")}),
        TableError,
        "'keys' is wrong",
    ),
    "a tensor beside": (
        lambda h: h.update({"more": h.pop("layers.1.attention.q.adapter.keys")}),
        TableError,
        "adapter 'layers.1.attention.q.adapter': an adapter has the parameters",
    ),
}


@pytest.mark.parametrize("name", HEADERS)
def test_a_malformed_header_is_refused_in_one_sentence_that_names_the_file(saved: Path, name: str) -> None:
    change, error, words = HEADERS[name]
    changed(saved, change)
    with pytest.raises(error, match=re.escape(words)) as caught:
        load_adapters(base_model(), saved)
    assert str(saved) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_whose_configuration_has_other_widths_than_the_base_is_refused(saved: Path) -> None:
    model = base_model()
    with torch.no_grad():
        model.layers[0].attention.q.in_features = 13  # as a linear map that says something else than its weight
    with pytest.raises(FileFormError, match=r"maps width 12 to 12 for 'layers\.0\.attention\.q', which maps 13"):
        load_adapters(model, saved)


def test_a_missing_file_a_folder_and_parameters_that_are_not_finite_are_one_sentence(tmp_path: Path) -> None:
    for path in (tmp_path / "missing", tmp_path):
        with pytest.raises(FileFormError, match="is not a file; pass a complete file written by save_adapters"):
            load_adapters(base_model(), path)
    model = adapted_model()
    with torch.no_grad():
        model.layers[0].attention.q.adapter.keys[0, 0, 0, 0] = torch.nan
    with pytest.raises(TableError, match="keys holds NaN or infinity"):
        save_adapters(model, tmp_path / "adapters")
