"""Changes of JSON that keep it JSON, or almost: hostile values, names and numbers at any place."""

from __future__ import annotations

import copy
import json
from random import Random
from typing import Any

from tests.fuzz.mutate import DEEP, NUMBERS, hostile_text

__all__ = ["changed_json"]

_RAW = (
    "NaN",
    "-Infinity",
    "1e999",
    "-0",
    "0.0",
    "1.5",
    "9" * 5000,
    "9" * 400,
    "1" + "0" * 400,
    "[" * DEEP + "]" * DEEP,
    '{"a":' * DEEP + "1" + "}" * DEEP,
    "[" * 600 + "]" * 600,
    '{"a": 1, "a": 2}',
    '"\\ud800"',
    '"\\u001b[31m"',
    "tru",
    "",
)
"""Texts that stand for a value."""
_MARK = "fuzz-raw-"
_LONGEST = 1 << 24
"""Letters of a list that is repeated: long texts in repeated lists inside repeated lists would fill the memory."""


def changed_json(rng: Random, text: str, *, limit: int = 3) -> str:
    """The text with up to ``limit`` values changed; a value that is JSON in a text may be changed inside."""
    whole: list[Any] = [json.loads(text)]
    raw: list[str] = []
    for _ in range(rng.randint(1, limit)):
        _change(rng, whole, raw)
    found = json.dumps(whole[0], ensure_ascii=rng.random() < 0.5, indent=1)
    for number, token in enumerate(raw):
        found = found.replace(f'"{_MARK}{number}"', token)
    return found


def _change(rng: Random, whole: list[Any], raw: list[str]) -> None:
    """One change of one value or name; ``raw`` gets the texts that stand for values."""
    part, key = rng.choice(_places(whole))
    kind = rng.random()
    if part is whole or kind < 0.7:
        part[key] = _replaced(rng, part[key], raw)
    elif kind < 0.8:
        del part[key]
    elif kind < 0.9:
        other, at = rng.choice(_places(whole)[1:])
        part[key] = copy.deepcopy(other[at])
    elif isinstance(part, dict):
        part[hostile_text(rng, key)] = part.pop(key)
    else:
        part *= max(1, min(rng.choice((2, 300)), _LONGEST // _length(part)))


def _length(value: Any) -> int:
    """Letters of a value as JSON, with the texts that stand for values."""
    text = json.dumps(value)
    return len(text) + max(map(len, _RAW)) * text.count(_MARK)


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every list or object with each of its keys."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return [place for key in keys for place in ((value, key), *_places(value[key]))]


def _replaced(rng: Random, value: Any, raw: list[str]) -> Any:
    if isinstance(value, str) and value.startswith(("{", "[")) and rng.random() < 0.8:
        try:
            return changed_json(rng, value)
        except ValueError:
            return value
    kind = rng.random()
    if kind < 0.3:
        raw.append(rng.choice(_RAW))
        return f"{_MARK}{len(raw) - 1}"
    if kind < (0.8 if type(value) is int else 0.5):
        return rng.choice((*NUMBERS, _near(rng, value)))
    if kind < 0.8:
        return hostile_text(rng, value if isinstance(value, str) else "")
    return rng.choice((None, True, False, [], {}, [value], {"a": value}, [value] * 3, str(value)))


def _near(rng: Random, value: Any) -> Any:
    return value + rng.choice((-1, 1, 1000)) if isinstance(value, int | float) else 7
