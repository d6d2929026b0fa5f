"""The clauses in the Markdown of SPEC.md and SPEC-ONNX.md."""

from __future__ import annotations

import re
from dataclasses import replace

from peerspec.conformance.clauses import Clause
from peerspec.conformance.requirements.blocks import flow, split_blocks

__all__ = ["parse"]

_HEADING = re.compile(r"^#{1,4} (.+)$")
_CLAUSE = re.compile(r'^<a id="([A-Z]+-\d+)"></a>\*\*\1\*\* (.+)$', re.DOTALL)
_SUPERSEDED = re.compile(r"^\*Superseded by ([A-Z]+-\d+)[^*]*\*\s*")
_WHY = re.compile(r"^\*(Why[^*]*?)\.?\*\s*")
_NOTES = ("*Note", "*Example", "*Proof")


def parse(text: str, document: str = "SPEC.md") -> list[Clause]:
    """The clauses of one document, in its order.

    A clause goes on over paragraphs, tables, lists, formulas and code until the next clause, a heading, a line ``---``,
    a block that begins with ``*Why``, ``*Note``, ``*Example`` or ``*Proof``, or an example in Python. A reason and a
    note are one block each; code after ``*Example`` belongs to it; a proof goes on to its ``∎``.
    """
    found: list[Clause] = []
    chapter, part = "", ""
    for block in split_blocks(text):
        if heading := _HEADING.match(block):
            chapter, part = heading[1], ""
        elif block == "---":
            part = ""
        elif match := _CLAUSE.match(block):
            found.append(_begun(match[1], chapter, document, flow(match[2])))
            part = "text"
        elif part:
            found[-1], part = _continued(found[-1], part, flow(block))
    return found


def _begun(id: str, chapter: str, document: str, text: str) -> Clause:
    match = _SUPERSEDED.match(text)
    return Clause(
        id, chapter, text[match.end() :] if match else text, superseded_by=match[1] if match else "", document=document
    )


def _continued(clause: Clause, part: str, block: str) -> tuple[Clause, str]:
    """The clause with one more block, and the part of it that the next block continues."""
    if reason := _WHY.match(block):
        return _with_reason(clause, reason[1], block[reason.end() :]), "why"
    if block.startswith(_NOTES):
        kind = block[1:].partition(".")[0].split()[0].lower()
        return replace(clause, notes=(*clause.notes, block)), "ended" if _is_proved(block) else kind
    if block.startswith("```python") and part != "example":
        return clause, "ended"
    if part == "text":
        return replace(clause, text=_joined(clause.text, block)), part
    if part == "proof" or (part == "example" and block.startswith("```")):
        longer = replace(clause, notes=(*clause.notes[:-1], _joined(clause.notes[-1], block)))
        return longer, "ended" if part == "example" or _is_proved(block) else part
    return clause, "ended"


def _with_reason(clause: Clause, label: str, reason: str) -> Clause:
    """The clause with a reason; a second one keeps its label in its text."""
    if clause.why:
        return replace(clause, why=f"{clause.why}\n\n*{label}.* {reason}")
    return replace(clause, why=reason, why_label=label)


def _is_proved(block: str) -> bool:
    return block.endswith("∎")


def _joined(text: str, block: str) -> str:
    return f"{text}\n\n{block}" if text else block
