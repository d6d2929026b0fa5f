"""What is wrong with the way in which an input was read."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

__all__ = ["Found", "problem_of_text"]


@dataclass(frozen=True)
class Found:
    """One fault.

    Attributes:
        kind: a class of exception, or what happened in a few words.
        where: the innermost function of the package.
        detail: more of it, for readers.
    """

    kind: str
    where: str = ""
    detail: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """What two findings of one cause have in common."""
        return self.kind, self.where


def problem_of_text(status: int, text: str) -> Found | None:
    """What is wrong with the exit status of a command and what it printed."""
    if "Traceback (most recent call last)" in text or "a defect of peerspec" in text:
        return Found(f"a traceback of {_kind(text)}", _place(text), text[-3000:])
    if "MemoryError" in text:
        return Found("more memory than the limit", "a command", text[:1000])
    if raw := [each for each in text if unicodedata.category(each) == "Cc" and each not in "\n\t"]:
        return Found("a control character on the terminal", "", f"{raw[0]!r} in {text[:1000]!r}")
    if status not in (0, 1, 2):
        return Found(f"exit status {status}", "", text[:1000])
    return Found("status 2 without a word") if status == 2 and not text.strip() else None


def _kind(text: str) -> str:
    """The class of the exception in the last line, which may stand behind words of the command."""
    names = re.findall(r"(?:^|: )([A-Za-z_.]+)(?::|$)", text.strip().splitlines()[-1])
    return str(names[0]) if names else "an exception"


def _place(text: str) -> str:
    """The innermost function of the package in a traceback."""
    frames = re.findall(r'File "([^"]+)", line \d+, in (\w+)', text)
    own = [frame for frame in frames if "/lib/python" not in frame[0] and "<" not in frame[0]]
    return f"{own[-1][0].rpartition('/')[2]} in {own[-1][1]}" if own else ""
