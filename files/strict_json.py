"""JSON as RFC 8259 recommends it: no object gives a name twice, numbers are finite, and strings are Unicode."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NoReturn

from peerspec.files.shown import shown

__all__ = ["MAX_DIGITS", "is_unicode", "parse_json"]

MAX_DIGITS = 100
"""Digits of a whole number that is read here: more than any count of things has."""


def parse_json(text: str | bytes) -> Any:
    """The value of a JSON text; bytes are UTF-8.

    Raises:
        json.JSONDecodeError: the text is not JSON.
        ValueError: it is not UTF-8, is nested too deeply, gives a name twice, or holds NaN, Infinity, a whole number of
            more than ``MAX_DIGITS`` digits, or half of a surrogate pair.

    Example:
        >>> parse_json('{"a": 1, "a": 2}')
        Traceback (most recent call last):
        ...
        ValueError: the name 'a' is given twice
    """
    try:
        decoded = text.decode() if isinstance(text, bytes) else text
        return json.loads(decoded, object_pairs_hook=_object, parse_constant=_refuse, parse_int=_whole)
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"the name {shown(name)} is given twice")
        for text in (name, value):
            if isinstance(text, str) and not is_unicode(text):
                raise ValueError(f"{shown(text)} holds half of a surrogate pair, which is no Unicode text")
        found[name] = value
    return found


def is_unicode(text: str) -> bool:
    """Whether the text can be written in UTF-8: it holds no half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _whole(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"a number has {len(digits)} digits; at most {MAX_DIGITS} are read")
    return int(digits)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number of JSON")
