"""Docstrings are written to be read in the source; these changes make them reStructuredText, before napoleon."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from sphinx.application import Sphinx

__all__ = ["setup"]

_SEVERAL = re.compile(r"^( +)(\w+(?:, \w+)+): (.*)$")
_LITERAL = re.compile(r"(``.*?``)")
_SECTION = re.compile(r"^(Args|Arguments|Attributes|Raises|Returns|Yields|Example|Examples|Note):$")


def restructured(_: Sphinx, what: str, __: str, ___: Any, ____: Any, lines: list[str]) -> None:
    """Change the lines of one docstring in place."""
    lines[:] = _code_blocks(_one_entry_per_name([_escaped(line) for line in lines]))
    if what in ("property", "attribute", "data") and lines and ": " in lines[0]:
        # napoleon takes the words before a colon in the first line for a type
        lines[:1] = list(lines[0].replace(": ", ":\n", 1).split("\n"))


def _escaped(line: str) -> str:
    """A star or a bar outside of literals stands for itself; lines of code stay as they are."""
    if line.lstrip().startswith((">>>", "...")):
        return line
    parts = _LITERAL.split(line)
    return "".join(part if number % 2 else re.sub(r"([*|])", r"\\\1", part) for number, part in enumerate(parts))


def _one_entry_per_name(lines: list[str]) -> list[str]:
    """Repeat the text of an entry such as ``lr, eps: as in Adam`` for each of its names."""
    made: list[str] = []
    for number, line in enumerate(lines):
        if not (found := _SEVERAL.match(line)):
            made.append(line)
            continue
        more = list(_continuation(lines[number + 1 :], len(found[1])))
        *first, last = found[2].split(", ")
        for name in first:
            made += [f"{found[1]}{name}: {found[3]}", *more]
        made.append(f"{found[1]}{last}: {found[3]}")
    return made


def _continuation(lines: list[str], indent: int) -> Iterator[str]:
    for line in lines:
        if not line.strip() or len(line) - len(line.lstrip()) <= indent:
            return
        yield line


def _code_blocks(lines: list[str]) -> list[str]:
    """An indented block after an empty line is code, as in Markdown."""
    made: list[str] = []
    inside = False
    for number, line in enumerate(lines):
        indented = line.startswith("    ")
        starts = indented and not inside and number > 1 and not lines[number - 1] and _is_text(lines[number - 2])
        if starts and not line.lstrip().startswith(">>>"):
            made += [".. code-block:: python", ""]
            inside = True
        inside = inside and (indented or not line)
        made.append(line.replace("\\", "") if inside else line)
    return made


def _is_text(line: str) -> bool:
    return bool(line) and not line.startswith(" ") and not _SECTION.match(line)


def skip(_: Sphinx, __: str, ___: str, thing: Any, skipped: bool, ____: Any) -> bool | None:
    """Leave out the fields of named tuples, which the docstring of the class describes."""
    return True if type(thing).__name__ == "_tuplegetter" else None


def setup(app: Sphinx) -> dict[str, bool]:
    """Register both, the first before napoleon."""
    app.connect("autodoc-process-docstring", restructured, priority=400)
    app.connect("autodoc-skip-member", skip, priority=400)
    return {"parallel_read_safe": True}
