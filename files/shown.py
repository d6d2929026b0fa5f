"""Values of other people in messages: short, on one line, and harmless to a terminal."""

from __future__ import annotations

__all__ = ["printable", "shown"]

_LENGTH = 60
"""Characters of a value that a message shows."""


def shown(value: object) -> str:
    """The ``repr`` of a value, cut to 60 characters.

    Example:
        >>> shown("a\\nb"), len(shown("a" * 1000)), shown(10**5000)
        ("'a\\\\nb'", 60, 'a number of 16610 bits')
    """
    if isinstance(value, int) and value.bit_length() > 4 * _LENGTH:
        return f"a number of {value.bit_length()} bits"
    try:
        text = printable(repr(value))
    except (ValueError, RecursionError):  # a number of thousands of digits somewhere in it, or too deep
        return f"a value of the type {type(value).__name__}"
    return text if len(text) <= _LENGTH else f"{text[: _LENGTH - 1]}…"


def printable(text: str) -> str:
    """The text with line breaks, escape sequences and the like written as in Python's strings.

    Example:
        >>> print(printable("é\\x1b[2J"))
        é\\x1b[2J
    """
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)
