"""A folder appears under its name whole or not at all."""

import os
import stat

import pytest
from support.kills import killed_at_every_step

from peerspec.files.atomic_folder import atomic_folder

WRITE = """
from pathlib import Path
from peerspec.files.atomic_folder import atomic_folder

def step(folder):
    with atomic_folder(Path(folder, "new", "numbers")) as unfinished:
        for name in "ab":
            (unfinished / name).write_text(name)
"""


def write(path):
    with atomic_folder(path) as folder:
        for name in "ab":
            (folder / name).write_text(name)


def test_a_kill_at_any_step_leaves_the_whole_folder_or_none_and_the_next_writer_cleans_up(tmp_path):
    (tmp_path / "start").mkdir()
    folders = killed_at_every_step(WRITE, tmp_path / "start", tmp_path / "killed")
    seen = set()
    for path in (folder / "new" / "numbers" for folder in folders):
        seen.add(path.exists())
        if path.exists():
            path.rename(path.with_name("first"))
            assert sorted(os.listdir(path.with_name("first"))) == ["a", "b"]
        write(path)
        assert set(os.listdir(path.parent)) <= {"numbers", "first"}
    assert seen == {False, True}


@pytest.mark.parametrize("kind", ["file", "folder", "link to nothing"])
def test_what_has_the_name_stays(tmp_path, kind):
    path = tmp_path / "numbers"
    {"file": path.touch, "folder": path.mkdir, "link to nothing": lambda: path.symlink_to("nothing")}[kind]()
    before = path.lstat()
    with pytest.raises(FileExistsError, match="numbers"):
        write(path)
    assert os.path.samestat(path.lstat(), before)
    assert os.listdir(tmp_path) == ["numbers"]


def write_and_stop(path):
    with atomic_folder(path) as folder:
        (folder / "a").touch()
        raise KeyboardInterrupt


def test_an_exception_leaves_nothing(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        write_and_stop(tmp_path / "numbers")
    assert os.listdir(tmp_path) == []


def test_the_mode_is_that_of_any_new_folder(tmp_path):
    write(tmp_path / "numbers")
    (tmp_path / "other").mkdir()
    assert stat.S_IMODE((tmp_path / "numbers").stat().st_mode) == stat.S_IMODE((tmp_path / "other").stat().st_mode)
