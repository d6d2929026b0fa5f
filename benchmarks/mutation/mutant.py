"""Mutants of a source: copies with one change each, made by the operators of ``operators.py``."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

from operators import OPERATORS, guards_only

__all__ = ["Key", "Mutant", "mutants_of"]

Key = tuple[str, str, str, str]
"""The file, the function, the text and the change of a mutant."""

HEADER = "import narrow as _narrow\n"
FUTURE = "from __future__ import annotations\n"


@dataclass(frozen=True)
class Mutant:
    """One changed source.

    Attributes:
        target: the implementation that is changed.
        file, function, line: the place of the change; the function is "" outside functions.
        operator: the name of the operator.
        text: the line before the change, without its indentation.
        change: the old and the new expression or statement; a number tells changes of one text apart.
        source: the whole changed source.
    """

    target: str
    file: str
    function: str
    line: int
    operator: str
    text: str
    change: str
    source: str

    @property
    def key(self) -> Key:
        """What names a mutant also after lines have moved."""
        return self.file, self.function, self.text, self.change

    @property
    def place(self) -> dict[str, str]:
        """The key by names, as in the files of results and explanations."""
        return dict(zip(("file", "function", "text", "change"), self.key, strict=True))


@dataclass(frozen=True)
class _Site:
    node: ast.AST
    parent: ast.AST
    function: str
    guard: bool = False
    """Whether it is the condition under which an argument is refused."""


def mutants_of(target: str, file: str, source: str, skipped: frozenset[str] = frozenset()) -> Iterator[Mutant]:
    """All mutants of a source, in the order of their places; functions and constants in ``skipped`` stay as they are.

    Example:
        >>> [mutant.change for mutant in mutants_of("", "", "def f(a):\\n    return a < 1\\n", frozenset())][0]
        'a < 1 → a <= 1'
    """
    seen, counts = {ast.dump(ast.parse(source))}, Counter[tuple[str, ...]]()
    for site in _sites(ast.parse(source), "", skipped):
        for operator in ("condition",) if site.guard else OPERATORS:
            for new in OPERATORS[operator](site.node, site.parent):
                changed = _spliced(source, site.node, new)
                if (dump := ast.dump(ast.parse(changed))) not in seen:
                    seen.add(dump)
                    mutant = _mutant(target, file, source, site, operator, new, changed)
                    counts[mutant.key] += 1
                    yield _numbered(mutant, counts[mutant.key])


def _mutant(target: str, file: str, source: str, site: _Site, operator: str, new: ast.AST, changed: str) -> Mutant:
    line = site.node.lineno  # type: ignore[attr-defined]
    text = source.splitlines()[line - 1].strip()
    change = f"{_shown(site.node)} → {_shown(new)}"
    return Mutant(target, file, site.function, line, operator, text, change, _with_header(changed))


def _numbered(mutant: Mutant, number: int) -> Mutant:
    return mutant if number == 1 else replace(mutant, change=f"{mutant.change} ({number})")


def _shown(node: ast.AST) -> str:
    return ast.unparse(node).split("\n")[0]


def _with_header(source: str) -> str:
    first, found, rest = source.partition(FUTURE)
    return first + FUTURE + HEADER + rest if found else HEADER + source


def _sites(parent: ast.AST, function: str, skipped: frozenset[str]) -> Iterator[_Site]:
    """The nodes that may change: no docstring, annotation, default, import, message or guard of an argument."""
    for node in _children(parent):
        if _names(node) & skipped:
            continue
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            inner = f"{function}.{node.name}" if function else node.name
            yield from _sites(node, inner, skipped)
        else:
            if hasattr(node, "lineno") and not _is_target(node):
                yield _Site(node, parent, function)
            if guards_only(node):
                yield _Site(node.test, node, function, guard=True)  # type: ignore[attr-defined]
            else:
                yield from _sites(node, function, skipped)


def _is_target(node: ast.AST) -> bool:
    """Whether it is a name, an attribute or a tuple that receives a value."""
    return isinstance(node, ast.Name | ast.Attribute | ast.Tuple) and isinstance(node.ctx, ast.Store)


def _children(parent: ast.AST) -> Iterator[ast.AST]:
    if isinstance(parent, ast.FunctionDef | ast.ClassDef):
        children: Iterator[ast.AST] = iter(parent.body)
    elif isinstance(parent, ast.AnnAssign):
        children = iter([parent.value] if parent.value else [])
    else:
        children = ast.iter_child_nodes(parent)
    for node in children:
        docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if not (docstring or isinstance(node, ast.Import | ast.ImportFrom | ast.Raise | ast.Assert | ast.JoinedStr)):
            yield node


def _names(node: ast.AST) -> set[str]:
    """What a statement defines."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return {node.name}
    if isinstance(node, ast.Assign):
        return {name.id for target in node.targets for name in ast.walk(target) if isinstance(name, ast.Name)}
    return set()


def _spliced(source: str, old: ast.AST, new: ast.AST) -> str:
    """The source with the text of one node replaced; columns of ``ast`` count bytes."""
    lines = source.encode().splitlines(keepends=True)
    start = sum(map(len, lines[: old.lineno - 1])) + old.col_offset  # type: ignore[attr-defined]
    end = sum(map(len, lines[: old.end_lineno - 1])) + old.end_col_offset  # type: ignore[attr-defined]
    text = ast.unparse(new)
    written = f"({text})" if isinstance(new, ast.expr) else text
    data = source.encode()
    return (data[:start] + written.encode() + data[end:]).decode()
