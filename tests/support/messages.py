"""The page of exit statuses and messages, from the templates of the suite.

python tests/support/messages.py      writes docs/messages.md
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from peerspec.conformance.problems import FaultKind, HintKind, ProblemKind
from peerspec.conformance.sentences import HINTS, TEMPLATES

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "messages.md"
ENDINGS = {
    "check": ("all claims hold", "a clause fails", "no verdict"),
    "smoke": ("the backend works", "", "it does not"),
    "explain": ("shown", "", "no such clause or check"),
    "layers": ("all are layers", "", "one is not"),
    "convert": ("written", "", "not written"),
    "export": ("written", "", "not written"),
    "verify": ("all layers hold", "one does not", "no verdict"),
    "render": (
        "as `check`; `--check`: unchanged",
        "as `check`; `--check`: of another spec or suite",
        "as `check`; changed",
    ),
    "repro": ("the check holds", "it fails", "no verdict"),
    "list": ("shown", "", "wrong arguments"),
    "vectors": ("all agree", "", "one does not"),
}
"""By command what the exit statuses 0, 1 and 2 say."""
SILENT = {
    ProblemKind.PROFILE_NOT_CLAIMED,
    ProblemKind.CONFIGURATION_DECLINED,
    ProblemKind.ROUTING_NOT_SHOWN,
}
"""Problems that only say why a check did not run."""
NO_VERDICT = {ProblemKind.UNDECIDED, ProblemKind.STALE_WAIVER}
ANSWERS = {FaultKind.RAISED, FaultKind.REFUSED}
"""Faults that are a failure (CNF-4) where the backend takes the configuration."""
HEAD = """# Exit statuses and messages

## Exit statuses

| command | 0 | 1 | 2 |
|---|---|---|---|
"""
AFTER = """
Every error that a user can cause, such as a file that cannot be read, is one sentence on standard error with the
status 2. The status is 130 after Ctrl-C, 143 after SIGTERM and 129 after SIGHUP; what the command had started and
opened is closed then. Ctrl-C while a repro is made ends only that; the report is written. A reader that closes the
pipe of standard output, as `head` does, changes no status; a disk that is full gives 2, and files that were asked for
are written all the same.

## Messages of the suite

A report holds each message as a kind and values (`problem` in the JSON); the words here are made of them. "1": a
clause fails. "2": there is no verdict. "1 or 2": an error fails CNF-4 in a configuration that the backend does not
decline, and gives no verdict elsewhere. "–": a check did not run.

| kind | status | message |
|---|---|---|
"""
HINTS_HEAD = """
A message may go on with what else is known:

| kind | words |
|---|---|
"""


def page() -> str:
    """The text of the page."""
    endings = (f"| `{name}` | {' | '.join(words or '–' for words in said)} |\n" for name, said in ENDINGS.items())
    hints = (f"| {kind} | {_words(HINTS[kind])} |\n" for kind in HintKind)
    return "".join([HEAD, *endings, AFTER, *_problems(), HINTS_HEAD, *hints])


def _problems() -> Iterator[str]:
    for kind in (*ProblemKind, *FaultKind):
        yield f"| {kind} | {_status(kind)} | {_words(TEMPLATES[kind])} |\n"


def _status(kind: ProblemKind | FaultKind) -> str:
    if kind in SILENT:
        return "–"
    if kind in ANSWERS:
        return "1 or 2"
    return "2" if isinstance(kind, FaultKind) or kind in NO_VERDICT else "1"


def _words(template: str) -> str:
    """The template in Markdown: its values in braces without their formats."""
    plain = template.replace("|", "\\|").replace("<", "&lt;").replace("_", "\\_").replace("*", "\\*")
    parts = plain.split("{")
    return parts[0] + "".join(
        f"*{part.partition('}')[0].partition(':')[0].partition('!')[0]}*{part.partition('}')[2]}" for part in parts[1:]
    )


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
