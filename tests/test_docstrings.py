"""The examples in docstrings are true. They run in a folder with a layer file and a model of the same layer."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

from peerspec import native
from peerspec.export import export
from peerspec.reference import Layer, PeerConfig

ROOT = Path(__file__).parents[1]
ROOMS = ("files", "reference", "interchange", "native", "export", "backends", "conformance", "verification")


def _modules() -> list[str]:
    """The modules whose source has an example that runs."""
    files = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py") if _has_example(path))
    return [".".join(("peerspec", *path.relative_to(ROOT).with_suffix("").parts)) for path in files]


def _has_example(path: Path) -> bool:
    return any(">>> " in line and "+SKIP" not in line for line in path.read_text("utf-8").splitlines())


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layer = Layer.random(PeerConfig(d_model=4, heads=2, num_experts=9, top_k=2, d_key=4))
    layer.save(tmp_path / "layer.safetensors")
    export(layer, tmp_path / "model.onnx")
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("name", _modules())
def test_the_examples_of_a_module_are_true(name: str) -> None:
    if name.startswith("peerspec.native") and not native.available():
        pytest.skip(native.unavailable_reason())
    found = doctest.testmod(importlib.import_module(name))
    assert found.attempted > 0
    assert found.failed == 0


def test_every_room_of_the_api_has_examples() -> None:
    assert {name.split(".")[1] for name in _modules()} == set(ROOMS)
