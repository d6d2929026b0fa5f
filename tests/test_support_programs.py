"""Programs with modules of one name do not see each other's."""

import importlib
import sys
from pathlib import Path

import pytest
from support.programs import modules_of


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "of_one_name.py").write_text(f"PROGRAM = {name!r}\n")
    return [tmp_path / "one", tmp_path / "other"]


def program() -> str:
    found: str = importlib.import_module("of_one_name").PROGRAM
    return found


def test_the_first_folder_wins_and_nothing_stays(folders: list[Path]) -> None:
    paths, modules = list(sys.path), set(sys.modules)
    for first, *others in (folders, folders[::-1]):
        with modules_of(first, *others):
            assert program() == first.name
    assert sys.path == paths
    assert set(sys.modules) == modules
    with pytest.raises(ModuleNotFoundError):
        program()


def test_a_module_imported_before_comes_back(folders: list[Path]) -> None:
    one, other = folders
    with modules_of(one):
        kept = importlib.import_module("of_one_name")
        with modules_of(other):
            assert program() == "other"
        assert importlib.import_module("of_one_name") is kept
