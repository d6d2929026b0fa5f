"""Commands that a reader can paste into a shell, whatever their arguments hold."""

from __future__ import annotations

import shlex

__all__ = ["command_line"]


def command_line(*arguments: object) -> str:
    """The arguments as one line of a shell; line breaks and escape sequences are written as in bash's ``$'…'``.

    Example:
        >>> print(command_line("peerspec", "verify", "my model.onnx", "a\\nb"))
        peerspec verify 'my model.onnx' $'a\\u000ab'
    """
    return " ".join(_quoted(str(each)) for each in arguments)


def _quoted(text: str) -> str:
    if text.isprintable():
        return shlex.quote(text)
    return f"$'{''.join(map(_escaped, text))}'"


def _escaped(character: str) -> str:
    if character in "\\'":
        return f"\\{character}"
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte of a name that is not UTF-8, as Python holds it
        return f"\\x{code - 0xDC00:02x}"
    return character if character.isprintable() else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
