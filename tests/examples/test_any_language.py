"""The tutorial for any language: its program, its commands and their output."""

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
    """The commands of a console block, each with its output."""
    parts = re.split(r"^\$ (.*)\n", block, flags=re.MULTILINE)[1:]
    return list(zip(parts[0::2], parts[1::2], strict=True))


FIRST, VERDICT, EXAMPLES, GENERATE, VECTORS = (_commands(block) for block in RUN.findall(TEXT))


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a copy of the examples; `peerspec` and `node` are on the PATH."""
    if not (shutil.which("node") and shutil.which("make") and shutil.which("cc")):
        pytest.skip("the tutorial needs Node.js 20 or newer, make and a C compiler; install them")
    shutil.copytree(ROOT / "examples", tmp_path / "examples", ignore=shutil.ignore_patterns("peer", "node_modules"))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _expect(block: Block) -> None:
    for command, expected in block:
        # the minimal size, because the printed output does not depend on the size
        shortened = f"{command} --size minimal" if command.startswith("peerspec check") else command
        ran = subprocess.run(["sh", "-c", shortened], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
        printed = [line for line in ran.stdout.decode().splitlines(keepends=True) if not line.startswith("judging ")]
        assert "".join(printed) == expected, command


def test_the_tutorial_leads_from_an_empty_file_to_the_verdict_that_it_shows(run: Path) -> None:
    _expect(FIRST)
    (run / "peer.mjs").write_text("\n".join(FILE.findall(TEXT)), "utf-8")
    _expect(VERDICT)


def test_the_examples_print_what_the_tutorial_shows(run: Path) -> None:
    _expect(EXAMPLES + GENERATE)


def test_the_vectors_are_as_the_tutorial_shows(run: Path) -> None:
    _expect(VECTORS)
