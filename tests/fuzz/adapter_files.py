"""Files of adapters: header, configurations and places."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from peerspec.reference import Adapter, AdapterConfig, ConfigError, FileFormError, TableError
from peerspec.reference.adapter_files import AdapterFile, PlacedAdapter, read_adapters, write_adapters
from tests.fuzz.inputs import Input
from tests.fuzz.layer_files import changed_file
from tests.fuzz.target import Target, Way

__all__ = ["TARGET"]

CONFIGS = (
    AdapterConfig(4, 2, 9, 2, 4, targets={"q": 4, "v": 3}),
    AdapterConfig(3, 2, 4, 2, 2, targets={"out": 5}, rank=2, alpha=0.5, query_norm="batch", query_bias=True),
)


@cache
def seeds() -> Sequence[bytes]:
    placed = {
        f"{i}.{name}": PlacedAdapter(Adapter.random(config), {target: f"{i}.{target}" for target in config.targets})
        for i, config in enumerate(CONFIGS)
        for name in list(config.targets)[:1]
    }
    one = dict(list(placed.items())[:1])
    with TemporaryDirectory() as folder:
        path, files = Path(folder, "adapters"), []
        for adapters in (one, placed):
            write_adapters(AdapterFile(adapters, "sha256:" + 64 * "0"), path, overwrite=True)
            files.append(path.read_bytes())
    return files


def mutate(rng: Random, data: bytes) -> Input:
    return changed_file(rng, data, seeds())


def load(path: Path) -> None:
    read_adapters(path)


TARGET = Target(
    "adapters",
    ".safetensors",
    seeds,
    mutate,
    (Way("read_adapters", load, errors=(FileFormError, ConfigError, TableError)),),
)
