"""ONNX models: any field of the message, the places of external data, and what the folder of the model holds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import onnx

from peerspec.export import export
from peerspec.export.layer_nodes import find_layers
from peerspec.export.read import read_layer_at, read_model
from peerspec.export.stored import check_external
from peerspec.reference import Layer, PeerConfig
from tests.fuzz.inputs import Input
from tests.fuzz.mutate import NUMBERS, hostile_text, mutate_bytes
from tests.fuzz.mutate_json import changed_json
from tests.fuzz.target import Target, Way, command

__all__ = ["TARGET"]

CONFIG = PeerConfig(4, 2, 9, 2, 4)
DATA = "model.onnx.data"
PLACES = (
    DATA,
    f"./{DATA}",
    f"folder/../{DATA}",
    f"../{DATA}",
    "missing",
    "loop",
    "outside",
    "folder",
    "/etc/passwd",
    "folder/deep/../../../../etc/passwd",
    "a\0b",
    "a" * 300,
    "a/" * 3000,
    "\x1b[31mred",
    "",
    ".",
    "pipe:",
    "file:///etc/passwd",
    "CON",
)
WHOLE = ("0", "-1", "1", "65536", "65537", str(2**63), str(2**64 - 1), "9" * 5000, "1e3", " 0", "0x10", "1_0", "٣", "")


@cache
def seeds() -> Sequence[bytes]:
    layer = Layer.random(CONFIG)
    options: list[dict[str, Any]] = [
        {},
        {"external_threshold": 0},
        {"inline": True, "external_threshold": 100},
        {"tables": "int8"},
        {"leading": ()},
    ]
    return [_exported(layer, **each) for each in options]


def _exported(layer: Layer, **options: Any) -> bytes:
    with TemporaryDirectory() as folder:
        export(layer, Path(folder, "model.onnx"), **options)
        return Path(folder, "model.onnx").read_bytes()


def prepare(folder: Path) -> None:
    """The external data of every seed, links, and a folder."""
    export(Layer.random(CONFIG), folder / "model.onnx", external_threshold=0)
    (folder / "model.onnx").unlink()
    (folder / "loop").symlink_to("loop")
    (folder / "outside").symlink_to("/etc/passwd")
    (folder / "folder" / "deep").mkdir(parents=True)


def mutate(rng: Random, data: bytes) -> Input:
    if rng.random() < 0.2:
        return mutate_bytes(rng, data, seeds())
    model = onnx.load_from_string(data)
    for _ in range(rng.choice((1, 1, 2, 3))):
        rng.choice((_change_tensor, _change_tensor, _change_place, _change_json, _change_any, _change_any))(rng, model)
    return Input(model.SerializeToString())


def _change_tensor(rng: Random, model: Any) -> None:
    tensor = rng.choice(model.graph.initializer)
    kind = rng.randrange(5)
    if kind == 0 and tensor.dims:
        tensor.dims[rng.randrange(len(tensor.dims))] = _int64(rng)
    elif kind == 1:
        tensor.dims.extend(rng.choice(([-1], [1], [0], [1] * 100, [2**62, 2**62], [-9, -4])))
    elif kind == 2:
        tensor.data_type = rng.choice((*range(30), -1, 9999, 2**31 - 1))
    elif kind == 3:
        tensor.raw_data = tensor.raw_data[: rng.randint(0, len(tensor.raw_data))]
    else:
        tensor.float_data.extend([1.0] * rng.randint(1, 40))


def _change_place(rng: Random, model: Any) -> None:
    """Where the data of a tensor lie."""
    tensor = rng.choice(model.graph.initializer)
    tensor.data_location = onnx.TensorProto.EXTERNAL
    key = rng.choice(("location", "location", "offset", "length", "checksum", "basepath"))
    value = rng.choice(PLACES) if key in ("location", "basepath") else rng.choice(WHOLE)
    for entry in tensor.external_data:
        if entry.key == key:
            entry.value = value
            return
    tensor.external_data.add(key=key, value=value)


def _change_json(rng: Random, model: Any) -> None:
    """A configuration, or the metadata that say what the file holds."""
    texts = [entry for entry in model.metadata_props if entry.value.startswith("{")]
    attributes = [a for node in model.graph.node for a in node.attribute if a.name == "config"]
    chosen = rng.choice([*texts, *attributes])
    if isinstance(chosen, onnx.AttributeProto):
        chosen.s = changed_json(rng, chosen.s.decode()).encode("utf-8", "replace")
    elif rng.random() < 0.2:
        chosen.value = json.dumps({DATA: rng.choice((None, 1, [], "0" * 64, {}))})
    else:
        chosen.value = changed_json(rng, chosen.value).encode("utf-8", "replace").decode()


def _change_any(rng: Random, message: Any) -> None:
    """One field of the message or of a message in it."""
    field, value = rng.choice(message.ListFields() or [(None, None)])
    if field is None:
        return
    repeated = field.is_repeated if hasattr(field, "is_repeated") else field.label == field.LABEL_REPEATED
    if repeated and (not value or rng.random() < 0.1):
        message.ClearField(field.name)
    elif field.type == field.TYPE_MESSAGE:
        part = rng.choice(value) if repeated else value
        if repeated and rng.random() < 0.1:
            value.add().CopyFrom(part)
        else:
            _change_any(rng, part)
    elif repeated:
        value[rng.randrange(len(value))] = _other(rng, field, value[0])
    elif rng.random() < 0.1:
        message.ClearField(field.name)
    else:
        setattr(message, field.name, _other(rng, field, value))


def _other(rng: Random, field: Any, old: Any) -> Any:
    if field.type == field.TYPE_STRING:
        return hostile_text(rng, old).encode("utf-8", "replace").decode()
    if field.type == field.TYPE_BYTES:
        return mutate_bytes(rng, old).data
    if field.type in (field.TYPE_FLOAT, field.TYPE_DOUBLE):
        return rng.choice((0.0, -1.0, 1e38, float("inf"), float("nan")))
    if field.type == field.TYPE_ENUM:
        return rng.choice((0, 1, 2, 9, 77))
    number = _int64(rng)
    return number if field.type == field.TYPE_INT64 else number & 0x7FFFFFFF


def _int64(rng: Random) -> int:
    return rng.choice([number for number in NUMBERS if -(2**63) <= number < 2**63])


def read(path: Path) -> None:
    model = read_model(path)
    check_external(path, model)
    for node in find_layers(model, path):
        read_layer_at(path, model, node)


def verify(path: Path) -> None:
    from peerspec.verification import verify_model

    verify_model(path)


TARGET = Target(
    "models",
    ".onnx",
    seeds,
    mutate,
    (
        Way("export.read", read),
        command("verify", lambda path: ["verify", str(path)], every=4),
        Way("verify_model", verify, every=40),
    ),
    prepare,
)
