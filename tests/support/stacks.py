"""The page "what works in which stack", from the tests that carry the mark ``stack``.

python tests/support/stacks.py      writes docs/stacks.md
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "stacks.md"
FRAMEWORKS = {"torch": "PyTorch", "jax": "JAX"}
HEAD = """# What works in which stack

Each row is shown by a test with the mark `stack`; the marks make this page. "Works": the layer computes, and learns,
what it does alone in one process. "One sentence": it is refused, by an error that says what to do instead.
[Training](training.md) and [Training in JAX](jax.md) say how to train a layer, [Several
processes](several-processes.md) how to split one.
"""


class Row(NamedTuple):
    """One mark: what a test shows."""

    framework: str
    tool: str
    situation: str
    refused: bool
    test: str


def rows() -> Iterator[Row]:
    """The marks of all tests, in the order of the files."""
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.FunctionDef):
                for call in node.decorator_list:
                    if isinstance(call, ast.Call) and ast.unparse(call.func) == "pytest.mark.stack":
                        words = [ast.literal_eval(argument) for argument in call.args]
                        refused = any(keyword.arg == "refused" for keyword in call.keywords)
                        yield Row(*words, refused, f"{path.relative_to(ROOT)}::{node.name}")


def page() -> str:
    """The text of the page."""
    parts = [HEAD]
    found = list(rows())
    for framework, name in FRAMEWORKS.items():
        own = [row for row in found if row.framework == framework]
        tools = list(dict.fromkeys(row.tool for row in own))
        parts.append(f"## {name}\n\n| tool | situation | answer |\n|---|---|---|\n" + "".join(_lines(own, tools)))
    return "\n".join(parts)


def _lines(own: list[Row], tools: list[str]) -> Iterator[str]:
    for row in sorted(own, key=lambda row: (tools.index(row.tool), row.refused)):
        answer = "one sentence" if row.refused else "works"
        yield f"| {row.tool} | {row.situation} | [{answer}](../{row.test.split('::')[0]}) |\n"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
