"""Layer files and files of several layers: header, offsets and configurations, and the commands that read them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from safetensors.numpy import save

from peerspec.reference import (
    ConfigError,
    FileFormError,
    Layer,
    PeerConfig,
    TableError,
    layers_metadata,
    list_layers,
    storage,
)
from tests.fuzz.inputs import Input
from tests.fuzz.mutate import mutate_bytes
from tests.fuzz.mutate_json import changed_json
from tests.fuzz.target import Target, Way, command

__all__ = ["TARGET", "changed_file"]

CONFIGS = (
    PeerConfig(4, 2, 9, 2, 4),
    PeerConfig(3, 2, 4, 2, 2, d_out=5, query_bias=True, key_heads=2, expert="glu", query_norm="batch"),
)
ERRORS = (FileFormError, ConfigError, TableError)


@cache
def seeds() -> Sequence[bytes]:
    layers = [Layer.random(config, dtype=dtype) for config in CONFIGS for dtype in ("float32", "float16")]
    with TemporaryDirectory() as folder:
        path = Path(folder, "layer")
        files = []
        for layer in layers:
            layer.save(path, overwrite=True)
            files.append(path.read_bytes())
    both = {"a": layers[0], "b.ffn": layers[2]}
    tensors = {f"{prefix}.{name}": array for prefix, layer in both.items() for name, array in layer.params.items()}
    return [*files, save(tensors, layers_metadata({prefix: layer.config for prefix, layer in both.items()}))]


def changed_file(rng: Random, data: bytes, others: Sequence[bytes] = ()) -> Input:
    """A safetensors file with another header, or with other bytes anywhere."""
    length = int.from_bytes(data[:8], "little")
    if rng.random() < 0.3:
        return mutate_bytes(rng, data, others)
    text = changed_json(rng, data[8 : 8 + length].decode()).encode("utf-8", "surrogatepass")
    said = len(text) if rng.random() < 0.9 else rng.choice((0, len(text) - 1, len(text) + 1, 1 << 20, 2**63, 2**64 - 1))
    rest = data[8 + length :]
    if rng.random() < 0.1:
        rest = rest[: rng.randint(0, len(rest))]
    found = said.to_bytes(8, "little") + text + rest
    return Input(found, len(found) + (1 << rng.randint(10, 43)) if rng.random() < 0.05 else 0)


def mutate(rng: Random, data: bytes) -> Input:
    return changed_file(rng, data, seeds())


def load(path: Path) -> None:
    Layer.load(path)


def load_each(path: Path) -> None:
    for prefix in list_layers(path):
        Layer.load(path, prefix=prefix)
        storage.read(path, prefix, copy_on_write=True)


def prepare(folder: Path) -> None:
    from peerspec.export import export

    export(Layer.random(CONFIGS[0]), folder / "model.onnx")


TARGET = Target(
    "layers",
    ".safetensors",
    seeds,
    mutate,
    (
        Way("Layer.load", load, errors=ERRORS),
        Way("list_layers", load_each, errors=ERRORS),
        command("layers", lambda path: ["layers", str(path)], every=2),
        command("export", lambda path: ["export", str(path), str(path.parent / "out" / "model.onnx")], every=5),
        command("verify", lambda path: ["verify", str(path.parent / "model.onnx"), str(path)], every=5),
    ),
    prepare,
)
