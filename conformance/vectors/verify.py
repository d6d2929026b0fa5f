"""Are vectors what SPEC.md says? Inputs bit for bit from their recipes, results as any backend is judged."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from peerspec.conformance.cases.case import Array, Case
from peerspec.conformance.check import Evidence
from peerspec.conformance.checks.evidence import violated, within
from peerspec.conformance.checks.gates import examine_gates
from peerspec.conformance.checks.output import examine_y
from peerspec.conformance.hosts.call import Answer
from peerspec.conformance.hosts.fault import Fault
from peerspec.conformance.inputs import word
from peerspec.conformance.problems import FaultKind, Problem
from peerspec.conformance.sentences import sentence
from peerspec.conformance.trials.layer import Trial
from peerspec.conformance.vectors.manifest import HOME, Entry, VectorError, read_manifest
from peerspec.reference import Layer, Output, PeerConfig, forward, select_exhaustive

__all__ = ["Summary", "verify"]


@dataclass(frozen=True)
class Summary:
    """What was found right."""

    files: int
    inputs: int
    results: int
    words: int


def verify(folder: Path = HOME) -> Summary:
    """Check a folder of vectors: hashes, inputs bit for bit, results.

    Selections and whatever is exact must agree bit for bit; other results, which pass exp or erf or a sum of rounded
    terms, within the bounds of PRC-4 for float64.

    Raises:
        VectorError: the first thing that is not as SPEC.md says.
    """
    words, entries = read_manifest(Path(folder))
    for row in words:
        _check_word(row)
    for entry in entries:
        try:
            _check(entry)
        except KeyError as error:
            raise VectorError(f"{entry.path}: the manifest does not name the tensor {error}") from None
    inputs, results = (sum(len(getattr(e, part)) for e in entries) for part in ("recipes", "expected"))
    return Summary(len(entries), inputs, results, len(words))


def _check(entry: Entry) -> None:
    tensors = entry.read()
    _check_inputs(entry, tensors)
    if entry.config is not None:
        _check_layer(entry, tensors)
    elif entry.k is not None:
        _check_selection(entry, tensors)


def _check_word(row: dict[str, Any]) -> None:
    try:
        right = f"{word(seed=row['seed'], name=row['name'], index=row['index']):016x}"
        given = row["word"]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise VectorError(f"the word {row!r} of the manifest cannot be read: {error}") from None
    if given != right:
        raise VectorError(f"the word of {row['name']!r} at index {row['index']} must be {right}, got {given} (INP-1)")


def _check_inputs(entry: Entry, tensors: dict[str, Array]) -> None:
    for name, recipe in entry.recipes.items():
        got = tensors[name]
        if got.shape != recipe.shape or got.dtype.name != recipe.dtype:  # before anything of that size is made
            raise VectorError(
                f"{entry.path}: {name} must be {recipe.dtype} {recipe.shape}, got {got.dtype} {got.shape}"
            )
        try:
            right = recipe.make()
        except (ValueError, TypeError, AttributeError, OverflowError) as error:
            raise VectorError(f"{entry.path}: the recipe of {name} makes no tensor: {error}") from None
        _same_bits(entry, name, got, right, "INP-2")


def _check_selection(entry: Entry, tensors: dict[str, Array]) -> None:
    assert entry.k is not None
    right = select_exhaustive(tensors["scores1"], tensors["scores2"], entry.k)
    _same_bits(entry, "indices", tensors["indices"], right.indices, "SEL-2")
    _same_bits(entry, "scores", tensors["scores"], right.scores, "SCO-2")


def _check_layer(entry: Entry, tensors: dict[str, Array]) -> None:
    assert entry.config is not None
    config = PeerConfig.from_json(json.dumps(entry.config))
    layer = Layer(config, {name: tensors[name].astype(np.float64) for name in config.shapes()})
    x = tensors["x"].astype(np.float64)
    right = forward(layer, x)
    assert right.scores is not None
    assert right.indices is not None
    # where sums round, no two scores of these data are near enough for a rounding to change the order
    _same_bits(entry, "indices", tensors["indices"], right.indices, "SEL-2")
    if entry.exact:
        _same_bits(entry, "scores", tensors["scores"], right.scores, "PRC-5")
    frozen = Output(**{name: tensors[name] for name in ("y", "scores", "indices", "gates")})  # type: ignore[arg-type]
    trial = Trial(Case(entry.path.name, entry.exact, layer, x), _Frozen(frozen))
    for evidence in _judged(trial):
        if evidence.problem:
            raise VectorError(f"{entry.path}: {sentence(evidence.problem)}")


def _judged(trial: Trial) -> Iterator[Evidence]:
    """The frozen results, as those of a backend in float64; what is below needs what is above."""
    yield from map(violated, trial.structure)
    yield from within("the score", trial.returned_scores, trial.scores)
    yield from examine_gates(trial)
    yield from examine_y(trial)


def _same_bits(entry: Entry, name: str, got: Array, right: Array, clause: str) -> None:
    if got.shape != right.shape or got.dtype != right.dtype:
        raise VectorError(
            f"{entry.path}: {name} must be {right.dtype} {right.shape}, got {got.dtype} {got.shape} ({clause})"
        )
    width = got.dtype.itemsize
    wrong = (got.reshape(-1).view(np.uint8) != right.reshape(-1).view(np.uint8)).reshape(-1, width).any(-1)
    if wrong.any():
        at = int(np.argmax(wrong))
        values = f"{right.reshape(-1)[at]!r}, got {got.reshape(-1)[at]!r}"
        raise VectorError(f"{entry.path}: entry {at} of {name} must be {values} ({clause})")


class _Frozen:
    """A host whose one answer was given long ago."""

    name, profiles, methods = "vectors", frozenset({"float64"}), frozenset({"forward"})
    dead: Problem | None = None

    def __init__(self, output: Output) -> None:
        self._answer = Answer(output)

    def call(self, method: str, arguments: dict[str, Any]) -> Answer:
        """The frozen answer."""
        if method != "forward":
            raise Fault.of(FaultKind.METHOD_MISSING, method=method)
        return self._answer

    def close(self) -> None:
        """Nothing was started."""

    def end(self) -> None:
        """Nothing was started."""
