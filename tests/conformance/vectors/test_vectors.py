"""The frozen vectors agree with SPEC.md, and every change to them is found."""

import json
import re
import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load, save
from support.kills import killed_at_every_step

from peerspec.conformance.vectors import HOME, VectorError, check_vectors
from peerspec.conformance.vectors.freeze import freeze
from peerspec.conformance.vectors.manifest import read_manifest

Tensors = dict[str, Any]
LAYER, TIES = "layer.numeric.gelu", "layer.exact.ties"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy that a test may change."""
    return Path(shutil.copytree(HOME, tmp_path / "vectors"))


def _edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    change(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest), "utf-8")


def _forge(folder: Path, name: str, change: Callable[[Tensors], object]) -> None:
    """Change a file and its hash in the manifest, so that only SPEC.md shows the change."""
    path = folder / f"{name}.safetensors"
    tensors = {key: array.copy() for key, array in load(path.read_bytes()).items()}
    change(tensors)
    path.write_bytes(save(tensors))
    digest = sha256(path.read_bytes()).hexdigest()
    _edit(folder, lambda manifest: manifest["files"][path.name].update(sha256=digest))


def _bump(name: str, at: int, factor: float) -> Callable[[Tensors], object]:
    def change(tensors: Tensors) -> None:
        flat = tensors[name].reshape(-1)
        flat[at] = flat[at] * flat.dtype.type(factor)

    return change


def _swap(tensors: Tensors) -> None:
    for name in ("scores", "indices", "gates"):
        tensors[name][0, 0, :2] = tensors[name][0, 0, 1::-1]


def test_the_vectors_of_the_package_are_right() -> None:
    found = check_vectors()
    assert found.files >= 20
    assert found.inputs >= 100
    assert found.results >= 80


def test_they_are_small() -> None:
    assert sum(path.stat().st_size for path in HOME.iterdir()) < 200_000


def test_they_hold_ties_at_the_edge_of_the_selection() -> None:
    """An expert that is not selected has the score of a selected one, so only the order of SEL-1 decides."""
    from peerspec.reference import Layer, PeerConfig, forward

    entry = json.loads((HOME / "manifest.json").read_text("utf-8"))["files"][f"{TIES}.safetensors"]
    tensors = load((HOME / f"{TIES}.safetensors").read_bytes())
    config = PeerConfig(**entry["config"])
    params = {name: tensors[name] for name in config.shapes()}
    wider = PeerConfig(**entry["config"] | {"top_k": config.top_k + 1})
    scores = forward(Layer(wider, params), tensors["x"]).scores
    assert scores is not None
    assert (scores[..., -1] == scores[..., -2]).any()


def test_writing_them_again_gives_the_same_inputs_and_right_results(tmp_path: Path) -> None:
    freeze(tmp_path / "again")
    check_vectors(tmp_path / "again")
    (_, old), (_, new) = read_manifest(HOME), read_manifest(tmp_path / "again")
    assert [(e.path.name, e.inputs, e.config, e.k) for e in old] == [
        (e.path.name, e.inputs, e.config, e.k) for e in new
    ]


FREEZE = """
from pathlib import Path
from peerspec.conformance.vectors import freeze

files = [("a", ({}, {"tensors": {}})), ("b", ({}, {"tensors": {}}))]
freeze._all_files = lambda: files  # of all files there are too many steps
def step(folder):
    freeze.freeze(Path(folder, "new"))
"""


def test_a_kill_leaves_whole_vectors_or_none_and_vectors_that_exist_are_never_changed(tmp_path: Path) -> None:
    start = tmp_path / "start"
    shutil.copytree(HOME, start / "old")
    folders = killed_at_every_step(FREEZE, start, tmp_path / "killed")
    new = [folder / "new" for folder in folders]
    for folder in folders:
        assert sorted(path.name for path in (folder / "old").iterdir()) == sorted(path.name for path in HOME.iterdir())
    assert {len(read_manifest(folder)[1]) if folder.exists() else None for folder in new} == {None, 2}
    with pytest.raises(VectorError, match="old exists; name a new folder"):
        freeze(start / "old")


def test_one_flipped_bit_is_found_by_the_hash(folder: Path) -> None:
    path = folder / f"{LAYER}.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(VectorError, match="must have the SHA-256 of the manifest"):
        check_vectors(folder)


@pytest.mark.parametrize(
    ("name", "change", "sentence"),
    [
        (LAYER, _bump("x", 3, 1 + 2.0**-23), r"entry 3 of x must be .* \(INP-2\)"),
        (LAYER, _bump("keys", 0, -1), r"of keys must be"),
        (LAYER, _bump("y", 4, 1 + 1e-12), "y at token 1, feature 1"),
        (LAYER, _bump("scores", 0, 1 + 1e-13), "the score at token 0, head 0, position 0"),
        (LAYER, _bump("gates", 0, 1 + 1e-13), "the gate of the returned score"),
        (LAYER, _swap, r"indices must be .* \(SEL-2\)"),
        (LAYER, lambda t: t.update(y=t["y"].astype(np.float32)), "y must have dtype float64, got float32"),
        (LAYER, lambda t: t.update(y=t["y"][:, :-1].copy()), "y must have shape"),
        (LAYER, lambda t: t.update(x=t["x"].astype(np.float64)), r"x must be float32 \(6, 5\), got float64"),
        (LAYER, lambda t: t.pop("y"), "must hold the tensors of the manifest"),
        (TIES, _swap, r"indices must be .* \(SEL-2\)"),
        (TIES, _bump("scores", 0, 2), r"scores must be .* \(PRC-5\)"),
        ("select.ties.float32", lambda t: t.update(indices=t["indices"][:, ::-1].copy()), r"\(SEL-2\)"),
        ("select.full.float64", _bump("scores", 1, 1 + 2.0**-52), r"entry 1 of scores must be .* \(SCO-4\)"),
    ],
)
def test_a_forged_file_with_a_forged_hash_is_found_by_the_specification(
    folder: Path, name: str, change: Callable[[Tensors], object], sentence: str
) -> None:
    _forge(folder, name, change)
    with pytest.raises(VectorError, match=sentence) as caught:
        check_vectors(folder)
    assert not PYTHON.search(str(caught.value))


def test_one_flipped_bit_under_a_forged_hash_is_found_by_the_generator(folder: Path) -> None:
    path = folder / "inputs.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    _edit(folder, lambda manifest: manifest["files"][path.name].update(sha256=sha256(data).hexdigest()))
    with pytest.raises(VectorError, match=r"entry 31 of .* \(INP-2\)"):
        check_vectors(folder)


PYTHON = re.compile(r"Error|object|keyword|__|np\.|indices must be integers")
"""Words of Python and NumPy, which a reader in another language should not need."""


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda m: m.update(spec="0.8"), "is for spec 0.8"),
        (lambda m: m.pop("spec"), "is not a manifest of vectors: the field 'spec' is missing"),
        (lambda m: m["words"][0].update(word="00"), r"must be 5bc0edcb8475dca7, got 00 \(INP-1\)"),
        (lambda m: m["words"][0].update(name=3), "cannot be read"),
        (lambda m: m["words"][0].update(name="\ud800"), "holds half of a surrogate pair"),
        (lambda m: m["files"][f"{LAYER}.safetensors"].pop("config"), "either a config or a k"),
        (lambda m: m["files"][f"{LAYER}.safetensors"].update(expected=[[]]), "must name its results"),
        (lambda m: m["files"]["select.ties.float32.safetensors"].update(k="2"), "its k must be an integer"),
        (lambda m: m["files"].pop(f"{LAYER}.safetensors"), "is not in the manifest"),
        (lambda m: m["files"].update({"../x": m["files"].pop(f"{LAYER}.safetensors")}), "not a plain file name"),
        (lambda m: m["files"].update(lost=m["files"]["inputs.safetensors"]), "lost cannot be read"),
        (lambda m: _x_of_layer(m).update(seed=1), "of x must be"),
        (lambda m: _x_of_layer(m).update(name="y"), "of x must be"),
        (lambda m: _x_of_layer(m).update(exponent=10**9), "makes no tensor"),
        (lambda m: _x_of_layer(m).update(bits=25), "makes no tensor"),
        (lambda m: _x_of_layer(m).update(shape=[10**9, 10**9]), "x must be float32"),
        (lambda m: _x_of_layer(m).update(colour=1), "is not a manifest"),
        (lambda m: _layer(m)["config"].update(top_k=5), "indices must be"),
        (lambda m: _layer(m)["config"].update(top_q=5), "unknown configuration field"),
    ],
)
def test_a_forged_manifest_is_found(folder: Path, change: Callable[[dict[str, Any]], object], sentence: str) -> None:
    _edit(folder, change)
    with pytest.raises(ValueError, match=sentence) as caught:
        check_vectors(folder)
    assert not PYTHON.search(str(caught.value))


@pytest.mark.parametrize("text", ["", "[]", "{", '{"spec": {}, "spec": 1}', '{"spec": "1", "words": 3}', "[" * 100_000])
def test_a_file_that_is_no_manifest_is_one_sentence_without_python(folder: Path, text: str) -> None:
    (folder / "manifest.json").write_text(text)
    with pytest.raises(VectorError, match=r"manifest\.json is not a manifest of vectors: ") as caught:
        check_vectors(folder)
    assert not PYTHON.search(str(caught.value))


def test_a_stray_file_and_a_missing_folder_are_found(folder: Path) -> None:
    (folder / "more.bin").touch()
    with pytest.raises(VectorError, match=r"more\.bin is not in the manifest"):
        check_vectors(folder)
    with pytest.raises(VectorError, match="name a folder of vectors"):
        check_vectors(folder / "none")


def _layer(manifest: dict[str, Any]) -> dict[str, Any]:
    entry: dict[str, Any] = manifest["files"][f"{LAYER}.safetensors"]
    return entry


def _x_of_layer(manifest: dict[str, Any]) -> dict[str, Any]:
    tensor: dict[str, Any] = _layer(manifest)["tensors"]["x"]
    return tensor
