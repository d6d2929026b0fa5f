"""The commands of those who work on the suite end with one sentence, not with a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CONFORMANCE = "peerspec.conformance"
FULL = """
import errno, os, runpy, sys
from pathlib import Path
def full(*_, **__): raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
Path.write_bytes = Path.write_text = os.fsync = full
runpy.run_module(sys.argv.pop(1), run_name="__main__", alter_sys=True)
"""
"""A module run on a full disk."""


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], cwd=folder, capture_output=True, text=True, timeout=100)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ("vectors.freeze",),
            "expected 1 argument, got 0; usage: python -m peerspec.conformance.vectors.freeze FOLDER",
        ),
        (("vectors.freeze", "a", "b"), "expected 1 argument, got 2; usage: python -m"),
        (("vectors.freeze", "exists"), "exists exists; name a new folder"),
        (("vectors.freeze", "file/new"), "peerspec: file exists; name a new folder"),
        (("vectors.file_cases", "a"), "expected 0 arguments, got 1; usage: python -m"),
        (("requirements.freeze",), "expected at least 1 argument, got 0; usage: python -m"),
        (("requirements.freeze", "missing"), "missing: No such file or directory"),
        (("requirements.freeze", "exists"), "exists: Is a directory"),
        (("requirements.freeze", "zero"), "zero is not a text that can be read: it has more than 67108864 bytes"),
        (("requirements.index",), "expected at least 1 argument, got 0; usage: python -m"),
        (("requirements.index", "missing"), "missing: No such file or directory"),
        (("requirements.index", "file"), "file is not a text that can be read"),
    ],
)
def test_wrong_arguments_are_one_sentence(tmp_path: Path, arguments: tuple[str, ...], sentence: str) -> None:
    (tmp_path / "exists").mkdir()
    (tmp_path / "file").write_bytes(b"\xff")
    (tmp_path / "zero").symlink_to("/dev/zero")
    module, *rest = arguments
    done = run(tmp_path, "-m", f"{CONFORMANCE}.{module}", *rest)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.stderr
    assert sentence in done.stderr
    assert sorted(os.listdir(tmp_path)) == ["exists", "file", "zero"]


@pytest.mark.parametrize(("module", "name"), [("vectors.freeze", "new"), ("requirements.index", "document.md")])
def test_a_full_disk_is_one_sentence_and_changes_nothing(tmp_path: Path, module: str, name: str) -> None:
    (tmp_path / "document.md").write_text("# Title\n")
    done = run(tmp_path, "-c", FULL, f"{CONFORMANCE}.{module}", name)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith(f"peerspec: {name}: No space left on device; ")
    assert "Traceback" not in done.stderr
    assert os.listdir(tmp_path) == ["document.md"]


def test_the_usage_is_shown(tmp_path: Path) -> None:
    done = run(tmp_path, "-m", f"{CONFORMANCE}.vectors.freeze", "--help")
    assert (done.returncode, done.stdout) == (0, "usage: python -m peerspec.conformance.vectors.freeze FOLDER\n")
