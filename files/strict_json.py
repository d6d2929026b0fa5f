"""JSON as RFC 8259 recommends it: no object gives a name twice, numbers are finite, and strings are Unicode."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NoReturn

from peerspec.files.shown import shown

__all__ = ["MAX_DIGITS", "format_json", "is_unicode", "parse_json"]

MAX_DIGITS = 100
"""Digits of a whole number that is read here: more than any count of things has."""
MAX_DEPTH = 100
"""Levels of lists and objects: more than any document here has."""

# escapes can write half of a pair; most texts hold none
_SURROGATE = re.compile(r"[\ud800-\udfff]|\\u[dD][89a-fA-F]")


def parse_json(text: str | bytes) -> Any:
    """The value of a JSON text; bytes are UTF-8.

    Raises:
        json.JSONDecodeError: the text is not JSON.
        ValueError: it is not UTF-8, is nested in more than ``MAX_DEPTH`` levels, gives a name twice, or holds NaN,
            Infinity, a number too large for a float, a whole number of more than ``MAX_DIGITS`` digits, or half of a
            surrogate pair.

    Example:
        >>> parse_json('{"a": 1, "a": 2}')
        Traceback (most recent call last):
        ...
        ValueError: the name 'a' is given twice
    """
    try:
        decoded = text.decode() if isinstance(text, bytes) else text
        value = json.loads(
            decoded, object_pairs_hook=_object, parse_constant=_refuse, parse_int=_whole, parse_float=_finite
        )
        _check_depth(value)
        if _SURROGATE.search(decoded) and (wrong := next((t for t in _texts(value) if not is_unicode(t)), None)):
            raise ValueError(f"{shown(wrong)} holds half of a surrogate pair, which is no Unicode text")
        return value
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None


def format_json(value: Any, *, indent: int | None = None) -> str:
    """The value as JSON in which every character can be printed; others are written as escapes.

    Raises:
        ValueError: a number is not finite.

    Example:
        >>> print(format_json({"é": "\\u202e"}))
        {"é": "\\u202e"}
    """
    text = json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False)
    return "\n".join(line if line.isprintable() else "".join(map(_escaped, line)) for line in text.split("\n"))


def _escaped(character: str) -> str:
    return character if character.isprintable() else json.dumps(character)[1:-1]


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"the name {shown(name)} is given twice")
        found[name] = value
    return found


def _check_depth(value: Any) -> None:
    """Refuse what later code that calls itself for each level could not walk through."""
    level, depth = [value], 0
    while level := [part for each in level if isinstance(each, dict | list) for part in _parts(each)]:
        if (depth := depth + 1) > MAX_DEPTH:
            raise ValueError(f"the JSON is nested too deeply: in more than {MAX_DEPTH} levels")


def _parts(value: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value


def _texts(value: Any) -> Iterator[str]:
    """Every string of a value, names included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        yield from value if isinstance(value, dict) else ()
        for part in _parts(value):
            yield from _texts(part)


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


def _finite(number: str) -> float:
    if math.isinf(value := float(number)):
        raise ValueError(f"{number[:20]} is too large a number")
    return value


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number of JSON")
