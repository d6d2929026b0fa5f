"""The README's example is complete, short and conformant, and what it shows of a planted bug is what is printed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from peerspec.conformance import check_backend

README = (Path(__file__).parents[1] / "README.md").read_text("utf-8")


def _block(marker: str) -> str:
    found = re.search(rf"<!-- {re.escape(marker)} -->\n```\w+\n(.*?)```", README, re.DOTALL)
    assert found, f"README.md has no block marked {marker!r}"
    return found[1]


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(_block("example: mine.py"), "utf-8")
    return path


def test_the_example_is_complete_in_under_40_lines_and_conformant(mine: Path) -> None:
    assert len(mine.read_text("utf-8").splitlines()) < 40
    report = check_backend(str(mine))
    assert report.verdict == "conformant", [finding.message for finding in report.of("fail", "error")]


def test_the_planted_bug_is_refused_with_the_clause_that_the_readme_shows(mine: Path) -> None:
    right, wrong = re.findall(r"^[-+] {4}(return .*)$", _block("bug"), re.MULTILINE)
    text = mine.read_text("utf-8")
    assert right in text
    mine.write_text(text.replace(right, wrong), "utf-8")
    report = check_backend(str(mine))
    assert report.first is not None
    assert report.first.clauses[0] == "OUT-2"
    assert "OUT-2" in _block("output: bug")


def test_the_module_example_runs() -> None:
    example = re.search(r"```python\n(import torch\n.*?)```", README, re.DOTALL)
    assert example
    code = example[1].replace('layer.save("layer.safetensors")\n', "")
    names: dict[str, object] = {}
    exec(code, names)  # our own README
    assert tuple(names["y"].shape) == (2, 10, 256)  # type: ignore[attr-defined]
