"""A file appears under its name whole or not at all."""

import os
import signal
import stat
import subprocess
import sys
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


def test_the_temporary_file_is_readable_by_its_owner_alone(path):
    with AtomicFile(path) as file:
        assert stat.S_IMODE(file.name.stat().st_mode) == 0o600


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
