"""Values of other people in messages: short, on one line, and harmless to a terminal."""

from __future__ import annotations

__all__ = ["printable", "said", "shown", "visible"]

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
    except Exception:  # a number of thousands of digits somewhere in it, too deep, or an object that cannot be shown
        return f"a value of the type {type(value).__name__}"
    return text if len(text) <= _LENGTH else f"{text[: _LENGTH - 1]}…"


def printable(text: str) -> str:
    """The text with line breaks, escape sequences and the like written as in Python's strings.

    Example:
        >>> print(printable("é\\x1b[2J"))
        é\\x1b[2J
    """
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)


def visible(text: str) -> str:
    """A text of several lines, each of them as by ``printable``.

    Example:
        >>> print(visible("a\\n\\x1bb"))
        a
        \\x1bb
    """
    return "\n".join(map(printable, text.split("\n")))


def said(error: BaseException) -> str:
    """The message of an exception of other people's code, whose class may be unable to give one.

    Example:
        >>> said(ValueError("no such size"))
        'no such size'
    """
    try:
        return str(error)
    except BaseException as other:
        return f"its message cannot be read because of {type(other).__name__}"
