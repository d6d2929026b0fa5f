"""A folder is removed with whatever a program left in it, and nothing outside it is touched."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.unprivileged import unprivileged

from peerspec.files.remove_folder import remove_folder

REMOVE = (
    "import pathlib, sys; from peerspec.files.remove_folder import remove_folder as f; f(pathlib.Path(sys.argv[1]))"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "folder").mkdir()
    return tmp_path / "folder"


@pytest.mark.parametrize("mode", [0o555, 0o444, 0o000])
def test_folders_without_rights_are_removed(folder: Path, mode: int) -> None:
    inner = folder / "a" / "b" / "c"
    inner.mkdir(parents=True)
    for part in (inner, *list(inner.parents)[:3]):
        (part / "file").write_text("text")
        part.chmod(mode)
    subprocess.run(unprivileged([sys.executable, "-c", REMOVE, str(folder)]), timeout=60, check=True)
    assert not folder.exists()


def test_folders_deeper_than_any_path_are_removed(folder: Path) -> None:
    deep = "import os\nfor _ in range(3000):\n    os.mkdir('d')\n    os.chdir('d')"
    subprocess.run([sys.executable, "-c", deep], cwd=folder, timeout=60, check=True)
    remove_folder(folder)
    assert not folder.exists()


def test_links_are_removed_and_not_followed(folder: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").touch()
    kept.chmod(0o555)
    (folder / "link").symlink_to(kept)
    (folder / "loop").symlink_to(folder)
    (folder / "nothing").symlink_to("nothing")
    os.mkfifo(folder / "pipe")
    remove_folder(folder)
    assert os.listdir(tmp_path) == ["kept"]
    assert os.listdir(kept) == ["file"]
    assert kept.stat().st_mode & 0o777 == 0o555


@pytest.mark.parametrize("kind", ["link", "link to nothing", "file", "nothing"])
def test_what_took_its_place_is_removed(folder: Path, tmp_path: Path, kind: str) -> None:
    folder.rmdir()
    (tmp_path / "kept").mkdir()
    make = {
        "link": lambda: folder.symlink_to("kept"),
        "link to nothing": lambda: folder.symlink_to("missing"),
        "file": folder.touch,
        "nothing": lambda: None,
    }
    make[kind]()
    remove_folder(folder)
    assert os.listdir(tmp_path) == ["kept"]


def test_what_cannot_be_removed_stays_without_an_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "file").touch()

    def refused(*_: object, **__: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "unlink", refused)
    remove_folder(folder)
    assert folder.exists()
