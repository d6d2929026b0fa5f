"""The README's example is complete, short and conformant, and what it shows of it and of a planted bug is printed."""

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


def _printed(folder: Path, command: str) -> str:
    """What a command of the README prints there, with the status that it ends with."""
    program, *words = command.split()
    ran = subprocess.run(
        [Path(sys.executable).with_name(program), *words],
        cwd=folder, env=os.environ | {"COLUMNS": "100"}, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    return f"{ran.stdout.strip()}\n[{ran.returncode}]"


def _without_measures(text: str) -> str:
    """Seconds and errors are those of a machine; how many digits they have moves the ends of lines."""
    return " ".join(re.sub(r"\d+\.\d+(e[+-]\d+)?", "…", text).split())


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(_block("example: mine.py"), "utf-8")
    return path


def test_the_example_is_complete_in_under_40_lines_and_conformant(mine: Path) -> None:
    assert len(mine.read_text("utf-8").splitlines()) < 40
    said = _printed(mine.parent, "peerspec check mine.py")
    assert _without_measures(said) == _without_measures(_block("output: mine.py") + "[0]")


def test_the_planted_bug_is_refused_with_the_clause_and_the_words_that_the_readme_shows(mine: Path) -> None:
    right, wrong = re.findall(r"^[-+] {4}(return .*)$", _block("bug"), re.MULTILINE)
    text = mine.read_text("utf-8")
    assert right in text
    mine.write_text(text.replace(right, wrong), "utf-8")
    said = _printed(mine.parent, "peerspec check mine.py --stop-early")
    assert "✗ accumulation  OUT-2  " in said
    assert _without_measures(said) == _without_measures(_block("output: bug") + "[1]")


def test_the_module_example_runs() -> None:
    example = re.search(r"```python\n(import torch\n.*?)```", README, re.DOTALL)
    assert example
    code = example[1].replace('layer.save("layer.safetensors")\n', "")
    names: dict[str, object] = {}
    exec(code, names)  # our own README
    assert tuple(names["y"].shape) == (2, 10, 256)  # type: ignore[attr-defined]
