"""The table of rooms in CONTRIBUTING.md is what import-linter enforces, and names every room there is."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
CONTRACTS: list[dict[str, Any]] = PROJECT["tool"]["importlinter"]["contracts"]
FRAMEWORKS = ("torch", "jax", "onnx", "onnxruntime")


def table() -> dict[str, str]:
    """Room and what it may import, from the lowest room to the highest."""
    rows = re.findall(
        r"^\| `(\w+)/` \| [^|]* \| ([^|]*) \|$", (ROOT / "CONTRIBUTING.md").read_text("utf-8"), re.MULTILINE
    )
    return {room: may.strip() for room, may in rows if room != "tests"}


def forbidden(module: str) -> set[str]:
    """What some contract forbids a room to import."""
    found: set[str] = set()
    for contract in CONTRACTS:
        if contract["type"] == "forbidden" and module in contract["source_modules"]:
            found |= set(contract["forbidden_modules"])
    return found


def test_the_rooms_of_the_table_are_the_layers_of_the_contract_in_this_order() -> None:
    (rooms,) = (
        contract for contract in CONTRACTS if contract["type"] == "layers" and contract["containers"] == ["peerspec"]
    )
    assert rooms["exhaustive"]
    assert [*table()] == [*reversed(rooms["layers"]), "package"]


def test_every_folder_of_the_package_is_a_room_of_the_table() -> None:
    folders = PROJECT["tool"]["setuptools"]["package-dir"]
    assert set(folders.values()) == {*table()}
    assert {name for name, folder in folders.items() if folder != "package"} == {
        f"peerspec.{r}" for r in table() if r != "package"
    }


@pytest.mark.parametrize("room", ["files", "reference", "interchange", "native", "conformance"])
def test_a_room_whose_row_names_no_framework_may_import_none(room: str) -> None:
    assert not any(re.search(rf"\b{name}\b", table()[room]) for name in FRAMEWORKS)
    assert {*FRAMEWORKS} <= forbidden(f"peerspec.{room}")


def test_circles_are_forbidden_everywhere() -> None:
    (circles,) = (contract for contract in CONTRACTS if contract["type"] == "acyclic_siblings")
    assert circles["ancestors"] == ["peerspec"]
    assert "skip_descendants" not in circles
    assert "ignore_imports" not in circles
