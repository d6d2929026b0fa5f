"""Checkpoints of other projects: header, offsets, names and shapes, and the command that reads them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from random import Random

from safetensors.numpy import save

from peerspec.interchange import LAYOUTS, InterchangeError, from_layout, read_tensors, to_layout
from peerspec.reference import ConfigError, FileFormError, Layer, PeerConfig, TableError
from tests.fuzz.inputs import Input
from tests.fuzz.layer_files import changed_file
from tests.fuzz.target import Target, Way, command

__all__ = ["TARGET"]

CONFIG = PeerConfig(4, 2, 9, 3, 4, key_heads=2)
NAMES = ("peer-pytorch", "mttl", "memory-peer")
ERRORS = (InterchangeError, FileFormError, ConfigError, TableError)
FACTS = [f"--fact={name}={value}" for name, value in LAYOUTS["peer-pytorch"].facts_of(CONFIG).items()]


@cache
def seeds() -> Sequence[bytes]:
    layers = [Layer.random(CONFIG, dtype=dtype) for dtype in ("float32", "bfloat16")]
    return [save(to_layout(name, layer)) for name in NAMES for layer in layers]


def mutate(rng: Random, data: bytes) -> Input:
    return changed_file(rng, data, seeds())


def read(path: Path) -> None:
    """Read a file in every layout; at most one of them fits."""
    tensors, errors = read_tensors(path), []
    for name in NAMES:
        try:
            from_layout(name, tensors, **LAYOUTS[name].facts_of(CONFIG))
        except ERRORS as error:
            errors.append(error)
    if len(errors) == len(NAMES):
        raise errors[0]


TARGET = Target(
    "checkpoints",
    ".safetensors",
    seeds,
    mutate,
    (
        Way("from_layout", read, errors=ERRORS),
        command(
            "convert",
            lambda path: ["convert", str(path), str(path.parent / "out" / "layer"), "--from=peer-pytorch", *FACTS],
            every=5,
        ),
    ),
)
