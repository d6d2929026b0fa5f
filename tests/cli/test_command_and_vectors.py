"""``check --command`` and ``vectors``: programs in any language, and the frozen inputs for them."""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.unprivileged import unprivileged

from peerspec.conformance.vectors import HOME

PROGRAMS = Path(__file__).parents[1] / "backends" / "process" / "programs"
Peerspec = Callable[..., Any]


def _command(*arguments: str) -> str:
    return shlex.join([sys.executable, str(PROGRAMS / arguments[0]), *arguments[1:]])


def test_a_program_is_judged_beside_a_backend(peerspec: Peerspec) -> None:
    only = ["--size", "minimal", "--only", "structure", "--profile", "float64"]
    ran = peerspec("check", "reference", "--command", _command("broken.py", "right"), *only)
    assert ran.status == 0
    assert "reference: " in ran.out
    assert "program: " in ran.out


@pytest.mark.parametrize(("way", "status"), [("wrong shape", 1), ("garbage", 2), ("dies at start", 2)])
def test_the_status_tells_a_failed_clause_from_a_fault(peerspec: Peerspec, way: str, status: int) -> None:
    ran = peerspec("check", "--command", _command("broken.py", way), "--size", "minimal", "--only", "structure")
    assert ran.status == status
    assert "Traceback" not in ran.err


@pytest.mark.parametrize("way", ["right", "folder without rights"])
def test_the_folder_of_a_program_is_removed_without_rights_and_without_a_path(tmp_path: Path, way: str) -> None:
    temporary, report = tmp_path / "temporary", tmp_path / "report.json"
    temporary.mkdir()
    run = [sys.executable, "-m", "peerspec", "check", "--size", "minimal", "--only", "structure.answer"]
    ran = subprocess.run(
        unprivileged([*run, "--command", _command("broken.py", way), "--json", str(report)]),
        env=os.environ | {"TMPDIR": str(temporary), "PATH": "/nonexistent"},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert ran.returncode == (0 if way == "right" else 2), ran.stderr
    assert report.exists()
    assert not list(temporary.iterdir())


def test_how_to_run_it_again_names_the_command(peerspec: Peerspec) -> None:
    command = _command("broken.py", "wrong shape")
    ran = peerspec("check", "--command", command, "--size", "minimal", "--only", "structure")
    assert f"peerspec check --command {shlex.quote(command)} --only structure.answer" in ran.out


def test_a_check_without_a_backend_is_one_sentence(peerspec: Peerspec) -> None:
    ran = peerspec("check")
    assert ran.status == 2
    assert "no backend is given; name a backend, or pass a program with --command" in ran.err


def test_the_vectors_can_be_found_copied_and_checked(peerspec: Peerspec, tmp_path: Path) -> None:
    home = Path(peerspec("vectors", "path").out.strip())
    assert home == HOME
    copy = shutil.copytree(home, tmp_path / "copy")
    ran = peerspec("vectors", "check", copy)
    assert ran.status == 0
    assert "bit for bit" in ran.out
    (copy / "inputs.safetensors").write_bytes(b"")
    ran = peerspec("vectors", "check", copy)
    assert ran.status == 2
    assert "must have the SHA-256 of the manifest" in ran.err


def test_the_layer_files_can_be_found_and_their_layers_shown_or_refused(peerspec: Peerspec) -> None:
    folder = Path(peerspec("vectors", "files").out.strip())
    shown = peerspec("layers", folder / "several.safetensors")
    assert shown.status == 0
    assert [line.partition(": ")[0] for line in shown.out.splitlines()] == ["blocks.0.ffn", "blocks.1"]
    assert "blocks.1: bfloat16, PeerConfig(d_model=3, heads=1" in shown.out
    assert peerspec("layers", folder / "layer.safetensors").out.startswith("layer.safetensors: float32, PeerConfig(")
    refused = peerspec("layers", folder / "tensor-nan.safetensors")
    assert (refused.status, refused.err.count("\n")) == (2, 1)
    assert "tensor-nan.safetensors: keys holds NaN or infinity" in refused.err
