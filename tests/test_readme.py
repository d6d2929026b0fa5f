"""The example of the README is complete, short and conformant, and the README shows the real output of its commands."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

README = (Path(__file__).parents[1] / "README.md").read_text("utf-8")


def _block(marker: str) -> str:
    found = re.search(rf"<!-- {re.escape(marker)} -->\n```\w+\n(.*?)```", README, re.DOTALL)
    assert found, f"README.md has no block marked {marker!r}"
    return found[1]


def _output_of(folder: Path, command: str) -> str:
    """Run a command of the README in the folder; return its output and its exit status."""
    program, *words = command.split()
    ran = subprocess.run(
        [Path(sys.executable).with_name(program), *words],
        cwd=folder, env=os.environ | {"COLUMNS": "100"}, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    return f"{ran.stdout.strip()}\n[{ran.returncode}]"


def _without_measures(text: str) -> str:
    """The text without decimal numbers and line ends, because times and errors differ between machines."""
    return " ".join(re.sub(r"\d+\.\d+(e[+-]\d+)?", "…", text).split())


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(_block("example: mine.py"), "utf-8")
    return path


def test_the_example_is_complete_in_under_40_lines_and_conformant(mine: Path) -> None:
    assert len(mine.read_text("utf-8").splitlines()) < 40
    printed = _output_of(mine.parent, "peerspec check mine.py")
    assert _without_measures(printed) == _without_measures(_block("output: mine.py") + "[0]")


def test_the_planted_bug_fails_with_the_output_that_the_readme_shows(mine: Path) -> None:
    right, wrong = re.findall(r"^[-+] {4}(return .*)$", _block("bug"), re.MULTILINE)
    text = mine.read_text("utf-8")
    assert right in text
    mine.write_text(text.replace(right, wrong), "utf-8")
    printed = _output_of(mine.parent, "peerspec check mine.py --stop-early")
    assert "✗ accumulation  OUT-2  " in printed
    assert _without_measures(printed) == _without_measures(_block("output: bug") + "[1]")


def test_the_module_example_runs() -> None:
    example = re.search(r"```python\n(import torch\n.*?)```", README, re.DOTALL)
    assert example
    code = example[1].replace('layer.save("layer.safetensors")\n', "")
    names: dict[str, object] = {}
    exec(code, names)  # our own README
    assert tuple(names["y"].shape) == (2, 10, 256)  # type: ignore[attr-defined]
