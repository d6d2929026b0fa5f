"""Files that are pipes or devices: what a shell puts in the place of a file is read, and nothing hangs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from peerspec.conformance import check_backend
from peerspec.conformance.render.json import dumps
from peerspec.conformance.vectors import HOME

HASTY = """
import sys
from peerspec.files import limited
limited._WRITER_LIMIT = 0.3
from peerspec.cli import main
sys.exit(main())
"""
COMMAND = (sys.executable, "-m", "peerspec")
CHECK = ("check", "reference", "--size", "minimal", "--only", "structure.answer", "-q")
WAIVER = '[[waiver]]\ncheck = "gates.finite"\nreason = "known"\nurl = "https://example.org/1"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pipes without a writer, and vectors with one."""
    for name in ("pipe", "pipe.safetensors"):
        os.mkfifo(tmp_path / name)
    (tmp_path / "pipe.py").touch()
    shutil.copytree(HOME, tmp_path / "vectors")
    (tmp_path / "vectors" / "inputs.safetensors").unlink()
    os.mkfifo(tmp_path / "vectors" / "inputs.safetensors")
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (["render", "pipe"], "pipe"),
        (["render", "pipe", "--check"], "pipe"),
        ([*CHECK, "--waivers", "pipe"], "pipe"),
        ([*CHECK, "--resume", "pipe"], "pipe"),
        (["repro", "pipe", "reference"], "pipe"),
        (["repro", "pipe.safetensors"], "pipe.safetensors"),
        (["repro", "pipe.py"], "pipe.safetensors"),
        (["vectors", "check", "vectors"], "vectors/inputs.safetensors"),
    ],
)
def test_a_pipe_that_nobody_writes_to_is_one_sentence(folder: Path, arguments: list[str], name: str) -> None:
    command = [sys.executable, "-c", HASTY, *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=100)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert name in done.stderr
    assert "it is a pipe, and no program has opened it for writing within 0.3 s" in done.stderr


@pytest.mark.parametrize("arguments", ["render <(cat report.json)", "render /dev/stdin < report.json"])
def test_a_report_is_read_from_what_a_shell_puts_in_its_place(tmp_path: Path, arguments: str) -> None:
    (tmp_path / "report.json").write_text(
        dumps([check_backend("reference", size="minimal", only=["structure.answer"])])
    )
    for line in (f"peerspec {arguments}", "cat report.json | peerspec render /dev/stdin"):
        script = f'peerspec() {{ "{sys.executable}" -m peerspec "$@"; }}; {line}'
        done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=100)
        assert (done.returncode, done.stderr) == (0, "")
        assert "reference: holds as far as it was run" in done.stdout


def test_waivers_are_read_from_what_a_shell_puts_in_their_place(tmp_path: Path) -> None:
    (tmp_path / "waivers.toml").write_text(WAIVER)
    script = f'"{sys.executable}" -m peerspec {" ".join(CHECK)} --waivers <(cat waivers.toml)'
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=100)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", ["inputs.safetensors", "manifest.json"])
def test_vectors_that_lead_to_a_device_without_end_are_one_sentence(tmp_path: Path, name: str) -> None:
    folder = Path(shutil.copytree(HOME, tmp_path / "vectors"))
    (folder / name).unlink()
    (folder / name).symlink_to("/dev/zero")
    limited = ["sh", "-c", 'ulimit -v 8000000; exec "$@"', "sh", *COMMAND, "vectors", "check", str(folder)]
    done = subprocess.run(limited, capture_output=True, text=True, timeout=100)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert f"{folder / name} cannot be read: it has more than 1048576 bytes; no more are read" in done.stderr
