"""A small file is read whole, and one that is too large is refused before it is read."""

from __future__ import annotations

import errno
import os
import shlex
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from peerspec.files.limited import read_limited


@pytest.mark.parametrize("size", [0, 1, 99, 100])
def test_a_file_up_to_the_limit_is_read_whole(tmp_path: Path, size: int) -> None:
    (tmp_path / "file").write_bytes(bytes(range(size)))
    assert read_limited(tmp_path / "file", 100) == bytes(range(size))


def test_what_comes_through_a_pipe_is_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=lambda: (tmp_path / "pipe").write_bytes(b"text"))
    writer.start()
    assert read_limited(tmp_path / "pipe", 100) == b"text"
    writer.join()


@pytest.mark.parametrize("size", [101, 1 << 40])
def test_a_larger_file_is_refused(tmp_path: Path, size: int) -> None:
    (tmp_path / "file").touch()
    os.truncate(tmp_path / "file", size)
    with pytest.raises(ValueError, match="it has more than 100 bytes; no more are read"):
        read_limited(tmp_path / "file", 100)


def test_a_file_without_end_is_refused() -> None:
    with pytest.raises(ValueError, match="more than 3000000 bytes"):
        read_limited(Path("/dev/zero"), 3_000_000)


READ = (
    "import pathlib, sys; from peerspec.files import limited; {}; limited.read_limited(pathlib.Path(sys.argv[1]), 9**9)"
)


@pytest.mark.parametrize(
    ("writer", "sentence"),
    [
        ("true", "it is a pipe, and no program has opened it for writing within 0.5 s"),
        ("exec sleep 60 > {}", "it is a pipe or a device that has not ended within 2 s"),
        ("while echo more; do sleep 0.1; done > {}", "it is a pipe or a device that has not ended within 2 s"),
    ],
    ids=["no writer", "a silent writer", "a slow writer"],
)
def test_a_pipe_that_gives_nothing_or_never_ends_is_refused_in_time(tmp_path: Path, writer: str, sentence: str) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    short = READ.format("limited._WRITER_LIMIT, limited._PIPE_LIMIT = 0.5, 2")
    with subprocess.Popen(
        ["sh", "-c", writer.format(pipe)], start_new_session=True, stderr=subprocess.DEVNULL
    ) as other:
        try:
            done = subprocess.run([sys.executable, "-c", short, str(pipe)], capture_output=True, text=True, timeout=60)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(other.pid, signal.SIGKILL)
    assert done.stderr.splitlines()[-1] == f"TimeoutError: [Errno {errno.ETIMEDOUT}] {sentence}: '{pipe}'"


@pytest.mark.parametrize(
    "writer", ["sleep 1; echo text", "echo te | tr -d '\\n'; sleep 1; echo xt", "yes | head -c 3000000"]
)
def test_a_pipe_of_a_shell_is_read_to_its_end(tmp_path: Path, writer: str) -> None:
    """By its name, as standard input and in the place of an argument, also if what it gives comes late."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    expected = subprocess.run(["sh", "-c", writer], capture_output=True, timeout=60).stdout
    show = "import pathlib, sys; from peerspec.files.limited import read_limited as r; " + (
        "sys.stdout.buffer.write(r(pathlib.Path(sys.argv[1]), 9**9))"
    )
    read = shlex.join([sys.executable, "-c", show])
    for line in (f"({writer}) > {pipe} & {read} {pipe}", f"({writer}) | {read} /dev/stdin", f"{read} <({writer})"):
        done = subprocess.run(["bash", "-c", line], capture_output=True, timeout=60)
        assert (done.stdout, done.stderr) == (expected, b"")


@pytest.mark.parametrize("writer", ["true >", "cat /dev/null >"])
def test_a_pipe_that_is_closed_without_a_byte_is_empty(tmp_path: Path, writer: str) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(["sh", "-c", f"sleep 0.3; {writer} {pipe}"]):
        done = subprocess.run(
            [sys.executable, "-c", READ.format("pass"), str(pipe)], capture_output=True, text=True, timeout=60
        )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_folder_and_a_missing_file_are_named(tmp_path: Path) -> None:
    for path, kind in ((tmp_path, IsADirectoryError), (tmp_path / "missing", FileNotFoundError)):
        with pytest.raises(kind) as caught:
            read_limited(path, 100)
        assert caught.value.filename == str(path)
    assert read_limited(Path(os.devnull), 100) == b""
