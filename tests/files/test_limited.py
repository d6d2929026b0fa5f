"""A small file is read whole, and one that is too large is refused before it is read."""

from __future__ import annotations

import os
import threading
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
