"""A file appears under its name whole or not at all."""

import os
import signal
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from peerspec.files.atomic_file import AtomicFile, write_atomically

KILLED = """
import os, signal, sys
from pathlib import Path
from peerspec.files.atomic_file import AtomicFile

with AtomicFile(Path(sys.argv[1])) as file:
    file.stream.write(b"new" * 100_000)
    file.stream.flush()
    os.kill(os.getpid(), signal.SIGKILL)
    file.publish()
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "numbers.bin"


def test_data_is_written_whole_and_nothing_else_is_left(path):
    write_atomically(path, b"123")
    assert path.read_bytes() == b"123"
    assert os.listdir(path.parent) == ["numbers.bin"]


def test_an_existing_file_is_replaced(path):
    path.write_bytes(b"a longer old text")
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"


def test_nothing_stands_under_the_name_before_publish(path):
    with AtomicFile(path) as file:
        file.stream.write(b"123")
        file.stream.flush()
        assert not path.exists()
        assert file.name.parent == path.parent
        assert file.name.read_bytes() == b"123"
        file.publish()
        assert path.read_bytes() == b"123"


def test_without_publish_nothing_is_written(path):
    with AtomicFile(path) as file:
        file.stream.write(b"123")
    assert os.listdir(path.parent) == []


def write_and_stop(path):
    with AtomicFile(path) as file:
        file.stream.write(b"123")
        raise KeyboardInterrupt


@pytest.mark.parametrize("old", [None, b"old"])
def test_an_exception_leaves_everything_as_it_was(path, old):
    if old:
        path.write_bytes(old)
    with pytest.raises(KeyboardInterrupt):
        write_and_stop(path)
    assert os.listdir(path.parent) == (["numbers.bin"] if old else [])
    assert old is None or path.read_bytes() == old


def test_a_failed_rename_leaves_the_folder_in_place_and_no_temporary_file(path):
    path.mkdir()
    with pytest.raises(OSError, match=r"numbers\.bin"):
        write_atomically(path, b"123")
    assert os.listdir(path.parent) == ["numbers.bin"]
    assert path.is_dir()


@pytest.mark.parametrize("old", [None, b"old"])
def test_a_process_killed_before_publish_leaves_the_name_as_it_was(path, old):
    if old:
        path.write_bytes(old)
    done = subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert (path.read_bytes() if path.exists() else None) == old
    write_atomically(path, b"later")
    assert path.read_bytes() == b"later"


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_the_mode_is_that_of_any_new_file(path, mask):
    before = os.umask(mask)
    try:
        write_atomically(path, b"123")
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask


def test_the_mode_does_not_depend_on_who_wrote_the_temporary_file(path):
    with AtomicFile(path) as file:
        before = stat.S_IMODE(file.name.stat().st_mode)
        file.name.unlink()
        file.name.touch(0o600)
        file.publish()
    assert stat.S_IMODE(path.stat().st_mode) == before


def test_the_process_keeps_its_mask(path, monkeypatch):
    monkeypatch.setattr(os, "umask", None)  # not even for a moment, because other threads make files too
    write_atomically(path, b"123")
    assert path.read_bytes() == b"123"


@pytest.mark.parametrize("name", ["n" * 255, "é" * 127, " ", "-"])
def test_every_name_that_a_file_can_have_is_written(tmp_path, name):
    write_atomically(tmp_path / name, b"123")
    assert os.listdir(tmp_path) == [name]


def no_links(*_paths):
    raise PermissionError


@pytest.fixture(params=[os.link, no_links], ids=["links", "no links"])
def any_file_system(request, monkeypatch):
    monkeypatch.setattr(os, "link", request.param)


@pytest.mark.usefixtures("any_file_system")
@pytest.mark.parametrize("kind", ["file", "folder", "link to nothing"])
def test_what_has_the_name_is_kept_unless_told_to_overwrite(path, kind):
    {"file": path.touch, "folder": path.mkdir, "link to nothing": lambda: path.symlink_to("nothing")}[kind]()
    before = path.lstat()
    with pytest.raises(FileExistsError):
        write_atomically(path, b"123", overwrite=False)
    assert os.listdir(path.parent) == [path.name]
    assert os.path.samestat(path.lstat(), before)


@pytest.mark.usefixtures("any_file_system")
def test_of_many_writers_of_a_new_file_one_succeeds(path):
    def write(number):
        try:
            write_atomically(path, str(number).encode() * 1000, overwrite=False)
        except FileExistsError:
            return []
        return [number]

    with ThreadPoolExecutor(8) as pool:
        winners = [number for found in pool.map(write, range(8)) for number in found]
    assert len(winners) == 1
    assert path.read_bytes() == str(winners[0]).encode() * 1000
    assert os.listdir(path.parent) == [path.name]


def test_a_new_file_that_fails_where_there_are_no_links_leaves_nothing(path, monkeypatch):
    monkeypatch.setattr(os, "link", no_links)
    monkeypatch.setattr(Path, "replace", no_links)
    with pytest.raises(PermissionError):
        write_atomically(path, b"123", overwrite=False)
    assert os.listdir(path.parent) == []


def test_a_folder_that_is_missing_or_a_file_is_refused(tmp_path):
    (tmp_path / "file").touch()
    for folder, kind in (("absent", FileNotFoundError), ("file", NotADirectoryError)):
        with pytest.raises(kind):
            write_atomically(tmp_path / folder / "numbers.bin", b"123")
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write to a read-only folder")
def test_a_read_only_folder_is_refused(path):
    path.parent.chmod(0o500)
    try:
        with pytest.raises(PermissionError):
            write_atomically(path, b"123")
        assert os.listdir(path.parent) == []
    finally:
        path.parent.chmod(0o700)


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="the read-only folder of this test is Linux's /proc")
def test_a_folder_that_nobody_can_write_is_refused():
    with pytest.raises(OSError, match="/proc/self"):
        write_atomically(Path("/proc/self/numbers.bin"), b"123")
