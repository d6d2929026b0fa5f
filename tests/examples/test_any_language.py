"""The tutorial for any language: its program, its commands and what they print."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "any-language.md").read_text("utf-8")
FILE = re.compile(r"<!-- file: peer\.mjs, part \d -->\n```js\n(.*?)```", re.DOTALL)
RUN = re.compile(r"<!-- run -->\n```console\n(.*?)```", re.DOTALL)

Block = list[tuple[str, str]]


def _commands(block: str) -> Block:
    """Each command of a console block, with what it prints."""
    parts = re.split(r"^\$ (.*)\n", block, flags=re.MULTILINE)[1:]
    return list(zip(parts[0::2], parts[1::2], strict=True))


FIRST, VERDICT, EXAMPLES, GENERATE, VECTORS = (_commands(block) for block in RUN.findall(TEXT))


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the examples in it, and `peerspec` and `node` at hand."""
    if not (shutil.which("node") and shutil.which("make") and shutil.which("cc")):
        pytest.skip("the tutorial needs Node.js 20 or newer, make and a C compiler; install them")
    shutil.copytree(ROOT / "examples", tmp_path / "examples", ignore=shutil.ignore_patterns("peer", "node_modules"))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _expect(block: Block) -> None:
    for command, expected in block:
        # the least size: what is printed here does not depend on it
        quick = f"{command} --size minimal" if command.startswith("peerspec check") else command
        ran = subprocess.run(["sh", "-c", quick], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
        said = [line for line in ran.stdout.decode().splitlines(keepends=True) if not line.startswith("judging ")]
        assert "".join(said) == expected, command


def test_the_way_from_an_empty_file_to_a_verdict_is_as_told(run: Path) -> None:
    _expect(FIRST)
    (run / "peer.mjs").write_text("\n".join(FILE.findall(TEXT)), "utf-8")
    _expect(VERDICT)


def test_the_examples_do_what_is_told_of_them(run: Path) -> None:
    _expect(EXAMPLES + GENERATE)


def test_the_vectors_are_as_told(run: Path) -> None:
    _expect(VECTORS)
