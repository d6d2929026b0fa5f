"""Folders of vectors, with another manifest than their own."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from random import Random

from peerspec.conformance.vectors import HOME, check_vectors
from tests.fuzz.inputs import Input
from tests.fuzz.mutate import mutate_bytes
from tests.fuzz.mutate_json import changed_json
from tests.fuzz.target import Target, Way, command

__all__ = ["TARGET"]

FILES = ("select.equal.float32.safetensors", "layer.numeric.bias.safetensors")


@cache
def seeds() -> Sequence[bytes]:
    """The manifest of the package, with few of its words and files."""
    whole = json.loads((HOME / "manifest.json").read_bytes())
    chosen = whole | {"words": whole["words"][:2]}
    return [json.dumps(chosen | {"files": {name: whole["files"][name]}}).encode() for name in FILES]


def mutate(rng: Random, data: bytes) -> Input:
    if rng.random() < 0.2:
        return mutate_bytes(rng, data, seeds())
    return Input(changed_json(rng, data.decode()).encode("utf-8", "surrogatepass"))


def folder_of(path: Path) -> Path:
    """A folder with the manifest and the files that it may name."""
    folder = path.parent / "out"
    (folder / "manifest.json").symlink_to(path)
    with path.open("rb") as file:
        text = file.read(100_000)
    for name in FILES:
        if name.encode() in text:
            shutil.copyfile(HOME / name, folder / name)
    return folder


def check(path: Path) -> None:
    check_vectors(folder_of(path))


TARGET = Target(
    "vectors",
    ".json",
    seeds,
    mutate,
    (
        Way("check_vectors", check),
        command("vectors check", lambda path: ["vectors", "check", str(folder_of(path))], every=4),
    ),
)
