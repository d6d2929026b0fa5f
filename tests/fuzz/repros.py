"""Repros of other people: the tensors of a case, and its description in the metadata."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from peerspec.backends import reference
from peerspec.conformance import check_backend
from peerspec.conformance.repro import ReproError, replay, write_repro
from peerspec.conformance.repro.file import read
from peerspec.reference import Output, Selection
from tests.fuzz.inputs import Input
from tests.fuzz.layer_files import changed_file
from tests.fuzz.target import Target, Way, command

__all__ = ["TARGET"]


class Wrong:
    """A backend whose y and whose selections are wrong."""

    name, profiles = "wrong", ("float32", "select")

    def forward(self, layer: Any, x: Any, *, mask: Any = None, training: bool = False) -> Output:
        out = reference.forward(layer, x, mask=mask, training=training)
        return Output(out.y * 2, out.scores, out.indices, out.gates, out.state)

    def select(self, scores1: Any, scores2: Any, k: int) -> Selection:
        found = reference.select(scores1, scores2, k)
        return Selection(found.scores + 1, found.indices)


@cache
def seeds() -> Sequence[bytes]:
    report = check_backend(Wrong(), size="minimal", only=["output.sum", "select.scores"])
    with TemporaryDirectory() as folder:
        programs = [write_repro(Wrong(), finding, folder) for finding in report.of("fail")]
        return [program.with_suffix(".safetensors").read_bytes() for program in programs]


def mutate(rng: Random, data: bytes) -> Input:
    return changed_file(rng, data, seeds())


def read_it(path: Path) -> None:
    read(path)


def replay_it(path: Path) -> None:
    if "MemoryError" in replay(path, reference, timeout=20.0).text:
        raise MemoryError


TARGET = Target(
    "repros",
    ".safetensors",
    seeds,
    mutate,
    (
        Way("repro.read", read_it, errors=(ReproError,)),
        Way("replay", replay_it, errors=()),
        command("repro", lambda path: ["repro", str(path)], every=10),
        command("repro on reference", lambda path: ["repro", str(path), "reference"], every=300),
    ),
)
