"""The layer files for readers: those of the package are the ones defined, and the reference reads them as they say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import SafetensorError, safe_open

from peerspec.conformance.clauses import clauses
from peerspec.conformance.vectors import FILES
from peerspec.conformance.vectors.file_cases import FileCase, file_cases, write_files
from peerspec.reference import Layer, PeerConfig, PeerError, list_layers

CASES = file_cases()
ABOUT = json.loads((FILES / "files.json").read_text("utf-8"))["files"]
GOOD = FILES / "layer.safetensors"


def layers_of(path: Path) -> dict[str, Layer]:
    return {prefix: Layer.load(path, prefix=prefix) for prefix in list_layers(path)}


def test_writing_them_again_gives_the_same_bytes(tmp_path: Path) -> None:
    write_files(tmp_path)
    written, kept = ({file.name: file.read_bytes() for file in folder.iterdir()} for folder in (tmp_path, FILES))
    assert written == kept, "run python -m peerspec.conformance.vectors.file_cases"


@pytest.mark.parametrize("case", [case for case in CASES if case.layers is not None], ids=lambda case: case.name)
def test_the_reference_reads_a_file_that_must_be_accepted(case: FileCase) -> None:
    expected: dict[str, Any] = ABOUT[f"{case.name}.safetensors"]["layers"]
    found = layers_of(FILES / f"{case.name}.safetensors")
    assert found.keys() == expected.keys()
    for prefix, layer in found.items():
        assert layer.config == PeerConfig(**expected[prefix]["config"])
        assert {name: array.dtype.name for name, array in layer.params.items()} == expected[prefix]["dtypes"]


@pytest.mark.parametrize("case", [case for case in CASES if case.layers is None], ids=lambda case: case.name)
def test_the_reference_refuses_every_other_file_and_names_it(case: FileCase) -> None:
    path = FILES / f"{case.name}.safetensors"
    with pytest.raises(PeerError, match=path.name):
        layers_of(path)
    for prefix in ("", "blocks.0.ffn", "blocks.1"):
        with pytest.raises(PeerError, match=path.name):
            Layer.load(path, prefix=prefix)


def test_each_clause_on_files_has_a_file_of_its_own() -> None:
    named = {clause for case in CASES for clause in case.clauses}
    assert named == {id for id, clause in clauses().items() if "reader" in clause.classes} - {"CNF-5"}


def test_the_library_of_the_format_itself_accepts_all_of_them_so_that_readers_must_refuse() -> None:
    refused = []
    for case in CASES:
        try:
            with safe_open(FILES / f"{case.name}.safetensors", framework="numpy"):
                pass
        except SafetensorError:
            refused.append(case.name)
    assert refused == []


def test_the_numbers_of_a_file_are_those_defined() -> None:
    params = Layer.load(GOOD).params
    for name, array in params.items():
        expected = np.ones(array.size) if name == "query_norm.var" else (np.arange(array.size) % 7 - 3) / 4
        assert array.ravel().tolist() == expected.tolist(), name
