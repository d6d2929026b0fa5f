"""Check vectors against SPEC.md: inputs bit for bit, results as those of a backend."""

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
from peerspec.conformance.inputs import word
from peerspec.conformance.sentences import sentence
from peerspec.conformance.trials.layer import Trial
from peerspec.conformance.vectors.dyadic_tensor import DyadicTensor
from peerspec.conformance.vectors.entry import Entry, VectorError
from peerspec.conformance.vectors.frozen_host import FrozenHost
from peerspec.conformance.vectors.manifest import HOME, read_manifest
from peerspec.files.shown import shown
from peerspec.reference import Layer, Output, PeerConfig, PeerError, forward, select_exhaustive

__all__ = ["Summary", "check_vectors"]


@dataclass(frozen=True)
class Summary:
    """How many files, inputs, results and words were checked."""

    files: int
    inputs: int
    results: int
    words: int


def check_vectors(folder: Path = HOME) -> Summary:
    """Check a folder of vectors: hashes, inputs bit for bit, results.

    Selections and exact values must agree bit for bit. Other results pass exp, erf or a sum of rounded terms, and must
    lie within the bounds of PRC-4 for float64.

    Raises:
        VectorError: the first difference from SPEC.md.
    """
    words, entries = read_manifest(Path(folder))
    for row in words:
        _check_word(row)
    for entry in entries:
        try:
            _check_entry(entry)
        except VectorError:
            raise
        except KeyError as error:
            raise VectorError(f"{entry.path}: the manifest does not name the tensor {error}") from None
        except PeerError as error:
            raise VectorError(f"{entry.path}: {error}") from None
    inputs, results = sum(len(entry.inputs) for entry in entries), sum(len(entry.expected) for entry in entries)
    return Summary(len(entries), inputs, results, len(words))


def _check_entry(entry: Entry) -> None:
    tensors = entry.read()
    for name, tensor in entry.inputs.items():
        _check_input(entry, name, tensor, tensors[name])
    if entry.config is not None:
        _check_layer(entry, tensors)
    elif entry.k is not None:
        _check_selection(entry, tensors)


def _check_word(row: dict[str, Any]) -> None:
    try:
        expected = f"{word(seed=row['seed'], name=row['name'], index=row['index']):016x}"
        got = row["word"]
    except (ValueError, TypeError, KeyError, AttributeError):
        raise VectorError(
            f"the word {shown(row)} of the manifest cannot be read; it needs seed, name, index and word (INP-1)"
        ) from None
    if got != expected:
        raise VectorError(f"the word of {row['name']!r} at index {row['index']} must be {expected}, got {got} (INP-1)")


def _check_input(entry: Entry, name: str, tensor: DyadicTensor, got: Array) -> None:
    if got.shape != tensor.shape or got.dtype.name != tensor.dtype:  # first, because a wrong shape may be very large
        raise VectorError(f"{entry.path}: {name} must be {tensor.dtype} {tensor.shape}, got {got.dtype} {got.shape}")
    try:
        with np.errstate(over="ignore"):  # the manifest may give any exponent
            expected = tensor.make()
    except ValueError as error:
        raise VectorError(f"{entry.path}: the manifest's entry for {name} makes no tensor: {error}") from None
    except (TypeError, AttributeError, OverflowError):
        raise VectorError(f"{entry.path}: the manifest's entry for {name} makes no tensor (INP-2)") from None
    _same_bits(entry, name, got, expected, "INP-2")


def _check_selection(entry: Entry, tensors: dict[str, Array]) -> None:
    assert entry.k is not None
    expected = select_exhaustive(tensors["scores1"], tensors["scores2"], entry.k)
    _same_bits(entry, "indices", tensors["indices"], expected.indices, "SEL-2")
    _same_bits(entry, "scores", tensors["scores"], expected.scores, "SCO-4")


def _check_layer(entry: Entry, tensors: dict[str, Array]) -> None:
    layer, x = _wide_layer(entry, tensors), tensors["x"].astype(np.float64)
    expected = forward(layer, x)
    assert expected.scores is not None
    assert expected.indices is not None
    # No two scores of a layer are so close that rounding could change their order, so ids must agree bit for bit.
    _same_bits(entry, "indices", tensors["indices"], expected.indices, "SEL-2")
    if entry.exact:
        _same_bits(entry, "scores", tensors["scores"], expected.scores, "PRC-5")
    frozen = Output(**{name: tensors[name] for name in ("y", "scores", "indices", "gates")})  # type: ignore[arg-type]
    trial = Trial(Case(entry.path.name, entry.exact, layer, x), FrozenHost(frozen))
    for evidence in _evidence(trial):
        if evidence.problem:
            raise VectorError(f"{entry.path}: {sentence(evidence.problem)}")


def _wide_layer(entry: Entry, tensors: dict[str, Array]) -> Layer:
    """The layer of an entry in float64."""
    config = PeerConfig.from_json(json.dumps(entry.config))
    return Layer(config, {name: tensors[name].astype(np.float64) for name in config.shapes()})


def _evidence(trial: Trial) -> Iterator[Evidence]:
    """Evidence on the frozen results; structure comes first, because values need the right shapes."""
    yield from map(violated, trial.structure)
    yield from within("the score", trial.returned_scores, trial.scores)
    yield from examine_gates(trial)
    yield from examine_y(trial)


def _same_bits(entry: Entry, name: str, got: Array, expected: Array, clause: str) -> None:
    if got.shape != expected.shape or got.dtype != expected.dtype:
        raise VectorError(
            f"{entry.path}: {name} must be {expected.dtype} {expected.shape}, got {got.dtype} {got.shape} ({clause})"
        )
    width = got.dtype.itemsize
    wrong = (got.reshape(-1).view(np.uint8) != expected.reshape(-1).view(np.uint8)).reshape(-1, width).any(-1)
    if wrong.any():
        at = int(np.argmax(wrong))
        values = f"{expected.reshape(-1)[at]}, got {got.reshape(-1)[at]}"
        raise VectorError(f"{entry.path}: entry {at} of {name} must be {values} ({clause})")
