"""A page whose blocks run: files, changes to files, commands with their output, and Python.

A comment in front of a block says what it is:

- ``<!-- file: NAME -->``: the content of a file in the folder of the page.
- ``<!-- change: NAME -->``: a diff; its lines replace others of that file.
- ``<!-- run -->`` and ``console``: commands behind ``$``, each followed by what it prints. A line ``…`` stands for any
  number of lines. Decimal numbers may differ, because times and errors differ between machines, and so may the digests
  in names of files.
- ``<!-- run -->`` and ``python``: code; all blocks of a page share their names.
- ``<!-- output -->``: what the Python block before it prints.
- ``<!-- not run: REASON -->``: any other block.

``python tests/support/pages.py PAGE…`` writes what the commands print now into the pages.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

BLOCK = re.compile(r"^(?:<!-- (.+?) -->\n)?```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
ELLIPSIS = "…"
WIDTH = {"COLUMNS": "90"}
OF_PYTEST = {"CI", "BUILD_NUMBER", "PYTEST_ADDOPTS"}
"""With one of the first two variables pytest does not shorten lines; the last one gives it more options."""


class Block(NamedTuple):
    """A block of a page with the comment in front of it."""

    marker: str
    language: str
    text: str


def blocks(page: str) -> list[Block]:
    """All fenced blocks of a page that name a language."""
    return [Block(marker or "", language, text) for marker, language, text in BLOCK.findall(page)]


def unmarked(page: str) -> list[str]:
    """The first line of each block that no test runs, and that does not say why."""
    known = re.compile(r"file: |change: |run$|output$|not run: \S")
    return [block.text.partition("\n")[0] for block in blocks(page) if not known.match(block.marker)]


def commands(block: str) -> list[tuple[str, str]]:
    """The commands of a console block, each with its output."""
    parts = re.split(r"^\$ (.*)\n", block, flags=re.MULTILINE)
    assert not parts[0], "a console block begins with a command"
    return list(zip(parts[1::2], parts[2::2], strict=True))


def agrees(printed: str, shown: str) -> bool:
    """Whether a command printed what the page shows."""
    parts = [_plain(part) for part in re.split(rf"^ *{ELLIPSIS}$", shown, flags=re.MULTILINE)]
    return re.fullmatch(".*".join(map(re.escape, parts)), _plain(printed), re.DOTALL) is not None


def run_page(page: str, folder: Path, show: Callable[[str, str, str], object]) -> dict[str, Any]:
    """Run the blocks in order; ``show`` gets each command with its printed and its shown output.

    Returns:
        The names that the Python blocks define.
    """
    names: dict[str, Any] = {"__name__": "page"}
    printed = ""
    for block in blocks(page):
        kind, _, name = block.marker.partition(": ")
        if kind == "file":
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(block.text, "utf-8")
        elif kind == "change":
            (folder / name).write_text(changed((folder / name).read_text("utf-8"), block.text), "utf-8")
        elif kind == "run" and block.language == "python":
            printed = _run_python(block.text, folder, names)
        elif kind == "output":
            show("the code above", printed, block.text)
        elif kind == "run":
            for command, shown in commands(block.text):
                show(command, run_command(command, folder), shown)
    return names


def changed(text: str, diff: str) -> str:
    """The text after a diff without line numbers, whose hunks are parted by lines ``@@``."""
    for hunk in re.split(r"^@@\n", diff, flags=re.MULTILINE):
        lines = hunk.splitlines(keepends=True)
        old, new = ("".join(line[1:] or "\n" for line in lines if line[0] in signs) for signs in (" -\n", " +\n"))
        assert text.count(old) == 1, f"the file holds these lines {text.count(old)} times, not once:\n{old}"
        text = text.replace(old, new)
    return text


def run_command(command: str, folder: Path) -> str:
    """What a command prints in a terminal, without the lines that say what is judged."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    terminal = {name: value for name, value in os.environ.items() if name not in OF_PYTEST}
    ran = subprocess.run(
        ["sh", "-c", command], cwd=folder, env=terminal | WIDTH | {"PATH": path},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300,
    )  # fmt: skip
    return "".join(line for line in ran.stdout.splitlines(keepends=True) if not line.startswith("judging ")).strip("\n")


def _run_python(code: str, folder: Path, names: dict[str, Any]) -> str:
    with contextlib.chdir(folder), contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(code, names)  # our own pages
    return printed.getvalue()


def _plain(text: str) -> str:
    return " ".join(re.sub(r"\d+\.\d+(e[+-]\d+)?|_[0-9a-f]{10}\b", "#", text).split())


def refreshed(page: str, folder: Path) -> str:
    """The page with the output that its commands print now; around ``…`` as many lines as before."""
    found: list[tuple[str, str]] = []
    run_page(page, folder, lambda command, printed, shown: found.append((command, _cut(printed, shown))))
    outputs = iter(found)

    def block(match: re.Match[str]) -> str:
        if match[1] == "output":
            text = next(outputs)[1]
        elif match[1] == "run" and match[2] == "console":
            text = "".join(f"$ {command}\n{output}" for command, output in (next(outputs) for _ in commands(match[3])))
        else:
            return match[0]
        return f"<!-- {match[1]} -->\n```{match[2]}\n{text}```"

    return BLOCK.sub(block, page)


def _cut(printed: str, shown: str) -> str:
    lines, old = printed.splitlines(), shown.splitlines()
    marks = [i for i, line in enumerate(old) if line.strip() == ELLIPSIS]
    if marks and not agrees(printed, shown):
        lines = [*lines[: marks[0]], old[marks[0]], *lines[len(lines) - (len(old) - marks[-1] - 1) :]]
    elif marks:
        lines = old
    return "".join(f"{line.rstrip()}\n" for line in lines)


if __name__ == "__main__":
    for path in map(Path, sys.argv[1:]):
        with tempfile.TemporaryDirectory() as name:
            path.write_text(refreshed(path.read_text("utf-8"), Path(name)), "utf-8")
