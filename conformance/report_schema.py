"""The JSON Schema of a report, and a validator for its keywords, so that no validator has to be installed.

A keyword that the validator does not know is an error, so that every keyword of the schema is checked.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Collection, Iterator
from functools import cache
from importlib.resources import files
from typing import Any

__all__ = ["problems", "report_schema"]

_TYPES: dict[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    # json reads whole numbers of any length, but readers of JSON agree only on numbers up to this one
    "number": lambda value: isinstance(value, float) or (type(value) is int and abs(value) <= sys.float_info.max),
    "integer": lambda value: _TYPES["number"](value) and (isinstance(value, int) or value.is_integer()),
    "null": lambda value: value is None,
}
_NOTES = ("$schema", "$id", "$defs", "title", "description")


@cache
def report_schema() -> dict[str, Any]:
    """JSON Schema, draft 2020-12, of what ``peerspec check --json`` writes."""
    schema: dict[str, Any] = json.loads(files(__package__).joinpath("report.schema.json").read_text("utf-8"))
    return schema


def problems(value: Any, schema: dict[str, Any] | None = None, at: str = "the report") -> Iterator[str]:
    """The violations of the schema, each with its place."""
    schema = report_schema() if schema is None else schema
    for keyword, wanted in schema.items():
        if keyword == "additionalProperties":
            yield from _rest(value, wanted, at, schema.get("properties", ()))
        elif keyword not in _NOTES:
            yield from _RULES[keyword](value, wanted, at)


def _ref(value: Any, wanted: str, at: str) -> Iterator[str]:
    yield from problems(value, report_schema()["$defs"][wanted.removeprefix("#/$defs/")], at)


def _type(value: Any, wanted: str, at: str) -> Iterator[str]:
    if not _TYPES[wanted](value):
        yield f"{at} must be of type {wanted}"


def _enum(value: Any, wanted: list[Any], at: str) -> Iterator[str]:
    if not any(value == one and isinstance(value, bool) == isinstance(one, bool) for one in wanted):
        yield f"{at} must be one of {', '.join(map(json.dumps, wanted))}"


def _properties(value: Any, wanted: dict[str, Any], at: str) -> Iterator[str]:
    for name in wanted if isinstance(value, dict) else ():
        if name in value:
            yield from problems(value[name], wanted[name], f"{at}.{name}")


def _required(value: Any, wanted: list[str], at: str) -> Iterator[str]:
    for name in wanted if isinstance(value, dict) else ():
        if name not in value:
            yield f"{at} lacks {name}"


def _rest(value: Any, wanted: bool | dict[str, Any], at: str, named: Collection[str]) -> Iterator[str]:
    for name in value if isinstance(value, dict) else ():
        if name not in named:
            yield from problems(value[name], wanted, f"{at}.{name}") if isinstance(wanted, dict) else _unknown(name, at)


def _unknown(name: str, at: str) -> Iterator[str]:
    yield f"{at} has the unknown member {name!r}"


def _items(value: Any, wanted: dict[str, Any], at: str) -> Iterator[str]:
    for number, part in enumerate(value if isinstance(value, list) else ()):
        yield from problems(part, wanted, f"{at}[{number}]")


def _any_of(value: Any, wanted: list[dict[str, Any]], at: str) -> Iterator[str]:
    if all(any(problems(value, one)) for one in wanted):
        yield f"{at} has none of the forms allowed"


def _pattern(value: Any, wanted: str, at: str) -> Iterator[str]:
    if isinstance(value, str) and not re.search(wanted, value):
        yield f"{at} must match {wanted}"


def _minimum(value: Any, wanted: float, at: str) -> Iterator[str]:
    if _TYPES["number"](value) and value < wanted:
        yield f"{at} must be at least {wanted}"


def _min_items(value: Any, wanted: int, at: str) -> Iterator[str]:
    if isinstance(value, list) and len(value) < wanted:
        yield f"{at} must hold at least {wanted}"


_RULES: dict[str, Callable[[Any, Any, str], Iterator[str]]] = {
    "$ref": _ref,
    "type": _type,
    "enum": _enum,
    "properties": _properties,
    "required": _required,
    "items": _items,
    "anyOf": _any_of,
    "pattern": _pattern,
    "minimum": _minimum,
    "minItems": _min_items,
}
