"""Parameters by the names of PAR-1, in one dictionary or in nested ones: ``experts.u``, or ``u`` in ``experts``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from peerspec.reference import TableError

__all__ = ["flat", "like", "nested"]


def flat(params: Mapping[str, Any]) -> dict[str, Any]:
    """One dictionary, where the names of nested ones are joined by dots.

    Raises:
        TableError: a name is given twice.

    Example:
        >>> flat({"keys": 1, "experts": {"u": 2, "v": 3}})
        {'keys': 1, 'experts.u': 2, 'experts.v': 3}
    """
    found: dict[str, Any] = {}
    for name, value in params.items():
        nested = flat(value) if isinstance(value, Mapping) else None
        parts = {name: value} if nested is None else {f"{name}.{inner}": part for inner, part in nested.items()}
        if twice := sorted(found.keys() & parts.keys()):
            raise TableError(f"{twice[0]!r} is given twice, by its name and in a nested dictionary; keep one (PAR-1)")
        found |= parts
    return found


def like(template: Mapping[str, Any], values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """The values of a flat dictionary, nested as the template; names that only ``values`` has stand beside their like.

    Example:
        >>> like({"keys": 1, "experts": {"u": 2}}, {"keys": 3, "experts.u": 4, "experts.tap": 5})
        {'keys': 3, 'experts': {'u': 4, 'tap': 5}}
    """
    found: dict[str, Any] = {}
    own = {f"{prefix}{name}" for name, value in template.items() if not isinstance(value, Mapping)}
    values = {name: value for name, value in values.items() if name.startswith(prefix)}
    for name, value in template.items():
        inner = f"{prefix}{name}"
        if isinstance(value, Mapping):
            found[name] = like(value, {key: part for key, part in values.items() if key not in own}, f"{inner}.")
        elif inner in values:
            found[name] = values[inner]
    nested = tuple(f"{prefix}{name}." for name, value in template.items() if isinstance(value, Mapping))
    for name, value in values.items():
        if name not in own and not name.startswith(nested):
            found[name.removeprefix(prefix)] = value
    return found


def nested(template: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """``like``, where the template must have the names of the values.

    Raises:
        TableError: it has others.
    """
    names = flat(template).keys() if isinstance(template, Mapping) else {repr(template)}
    if names != values.keys():
        unknown, missing = sorted(names - values.keys()), sorted(values.keys() - names)
        wrong = f"{unknown[0]} is none of them" if unknown else f"{missing[0]} is missing"
        raise TableError(f"parameters must be {', '.join(values)}, in one dictionary or nested, but {wrong} (PAR-1)")
    return like(template, values)
