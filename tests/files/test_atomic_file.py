"""A file appears under its name whole or not at all."""

import fcntl
import os
import signal
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.kills import killed_at_every_step
from support.power_cut import PowerCuts

from peerspec.files.atomic_file import AtomicFile, obstacle, write_atomically
from peerspec.files.temporary_name import may_be_written

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


WRITE = """
from pathlib import Path
from peerspec.files.atomic_file import write_atomically

def step(folder):
    write_atomically(Path(folder, "numbers.bin"), b"new" * 100_000, overwrite={})
"""


@pytest.mark.parametrize("old", [None, b"old"])
def test_a_kill_at_any_step_leaves_the_old_file_or_the_new_one_and_the_next_writer_cleans_up(tmp_path, old):
    start = tmp_path / "start"
    start.mkdir()
    if old:
        (start / "numbers.bin").write_bytes(old)
    folders = killed_at_every_step(WRITE.format(bool(old)), start, tmp_path / "killed")
    paths = [folder / "numbers.bin" for folder in folders]
    assert {path.read_bytes() if path.exists() else None for path in paths} == {old, b"new" * 100_000}
    assert any(len(os.listdir(folder)) > 1 for folder in folders)
    for path in paths:
        write_atomically(path, b"later")
        assert os.listdir(path.parent) == ["numbers.bin"]


@pytest.mark.parametrize("old", [None, b"old"])
def test_a_power_cut_leaves_the_old_file_or_the_new_one(path, monkeypatch, old):
    if old:
        path.write_bytes(old)
    with monkeypatch.context() as patch:
        cuts = PowerCuts(path.parent, patch)
        write_atomically(path, b"123", overwrite=bool(old))
        done = cuts.states_now()
    cuts.close()
    assert {dict(state).get("numbers.bin") for state in cuts.states} == {old, b"123"}
    assert done == {frozenset({("numbers.bin", b"123")})}, "it may be lost after the write has returned"


HELD = """
import sys
from pathlib import Path
from peerspec.files.atomic_file import AtomicFile

with AtomicFile(Path(sys.argv[1])) as file:
    if sys.argv[2] == "another file":
        file.name.unlink()
        file.name.write_bytes(b"new")
    else:
        file.stream.write(b"new")
    print("held", flush=True)
    sys.stdin.readline()
    file.publish()
"""


@pytest.fixture
def held(path):
    """Start a process that has written to a temporary file and waits for a line."""
    started = []

    def start(by="stream", setup=""):
        command = [sys.executable, "-c", setup + HELD, str(path), by]
        started.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        assert started[-1].stdout.readline() == "held\n"
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("by", ["stream", "another file"])
def test_the_temporary_file_of_a_running_process_stays_and_that_of_a_killed_one_goes(path, held, by):
    running, killed = held(by), held(by)
    killed.kill()
    killed.wait()
    before = len(os.listdir(path.parent))
    write_atomically(path, b"123")
    assert len(os.listdir(path.parent)) == before // 2 + 1
    assert path.read_bytes() == b"123"
    running.communicate("\n")
    assert (running.returncode, path.read_bytes(), os.listdir(path.parent)) == (0, b"new", ["numbers.bin"])


OTHER_HOST = "import os; from types import SimpleNamespace; os.uname = lambda: SimpleNamespace(nodename='other')\n"


def test_what_another_host_left_stays_because_its_locks_may_not_be_seen_here(path, held):
    killed = held(setup=OTHER_HOST)
    killed.kill()
    killed.wait()
    before = set(os.listdir(path.parent))
    write_atomically(path, b"123")
    assert set(os.listdir(path.parent)) == {*before, "numbers.bin"}


def test_files_of_the_user_and_of_other_paths_are_not_taken_for_temporary_ones(path, held):
    killed = held()
    killed.kill()
    killed.wait()
    [part] = path.parent.glob(".*.part")
    lock = part.with_suffix(".lock").name
    kept = [part.name.replace("numbers", "number"), lock.replace("numbers", "number"), f"{lock}.old", ".numbers.bin"]
    for name in kept:
        (path.parent / name).write_bytes(b"kept")
    write_atomically(path, b"123")
    assert sorted(os.listdir(path.parent)) == sorted([*kept, "numbers.bin"])


def test_many_writers_that_clean_up_never_remove_what_another_writes(path):
    def write(number):
        for _ in range(50):
            write_atomically(path, bytes([number]) * 1000)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    assert path.read_bytes() in [bytes([number]) * 1000 for number in range(8)]
    assert os.listdir(path.parent) == ["numbers.bin"]


def test_a_writer_whose_lock_was_removed_before_it_held_it_writes_all_the_same(path, monkeypatch):
    flock = fcntl.flock

    def flock_late(handle, kind):
        monkeypatch.undo()
        write_atomically(path, b"other")  # it finds a file that is not locked yet
        flock(handle, kind)

    monkeypatch.setattr(fcntl, "flock", flock_late)
    with AtomicFile(path) as file:
        assert path.read_bytes() == b"other"
        write_atomically(path, b"another")
        assert len(list(path.parent.glob(".*.lock"))) == 1, "other processes see that it still runs"
        assert may_be_written(path)
        file.stream.write(b"123")
        file.publish()
    assert path.read_bytes() == b"123"
    assert os.listdir(path.parent) == ["numbers.bin"]


def test_where_there_are_no_locks_files_are_written_and_nothing_is_removed(path, monkeypatch):
    def no_locks(*_arguments):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with AtomicFile(path) as one, AtomicFile(path) as other:
        assert sorted(os.listdir(path.parent)) == sorted([one.name.name, other.name.name])
        one.publish()
        other.publish()
    assert os.listdir(path.parent) == ["numbers.bin"]


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


@pytest.mark.parametrize("kind", ["a symbolic link", "a symbolic link to nothing", "a folder", "a device"])
def test_overwriting_replaces_a_file_and_nothing_else(path, kind):
    target = path.with_name("target")
    if kind == "a folder":
        path.mkdir()
    elif kind == "a device":
        os.mkfifo(path)
    else:
        path.symlink_to(target)
    if kind == "a symbolic link":
        target.write_bytes(b"kept")
    before, names = path.lstat(), os.listdir(path.parent)
    assert kind.startswith(obstacle(path))
    with pytest.raises(OSError, match=r"has this name, and only a file is replaced: .*numbers\.bin"):
        write_atomically(path, b"123")
    assert os.path.samestat(path.lstat(), before)
    assert os.listdir(path.parent) == names
    assert not target.exists() or target.read_bytes() == b"kept"


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
