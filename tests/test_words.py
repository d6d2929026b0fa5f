"""One word for one thing: the old words that CHANGELOG.md lists stand nowhere else."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROOMS = (
    "files",
    "reference",
    "interchange",
    "native",
    "export",
    "backends",
    "conformance",
    "verification",
    "cli",
    "package",
)
FOLDERS = ("tests", "docs", "examples", "benchmarks")
FILES = ("README.md", "SPEC.md", "CONTRIBUTING.md", "pyproject.toml", "Makefile")
BINARY = {".safetensors", ".so", ".pyc", ".onnx"}
FOREIGN = {"__pycache__", "node_modules"}


def old_words() -> list[str]:
    """The first column of the changelog's table of words."""
    table = (ROOT / "CHANGELOG.md").read_text("utf-8").partition("| old word | word |")[2]
    return re.findall(r"^\| `([^`]+)` \| .+ \|$", table, re.MULTILINE)


def texts() -> dict[Path, str]:
    """Every file of the project but the changelog and itself; a program that was built here is read as text too."""
    top = [ROOT / name for name in (*ROOMS, *FOLDERS, *FILES)]
    files = [file for path in top for file in ([path] if path.is_file() else path.rglob("*"))]
    chosen = (f for f in files if f.is_file() and f.suffix not in BINARY and not FOREIGN & set(f.parts))
    return {file: file.read_text("utf-8", "replace") for file in chosen if file != Path(__file__)}


def test_no_old_word_stands_outside_the_changelog() -> None:
    words = old_words()
    assert len(words) > 20
    pattern = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, words))})(?![a-z_])")
    found = {f"{path.relative_to(ROOT)}: {m[0]}" for path, text in texts().items() for m in pattern.finditer(text)}
    assert not found, sorted(found)
