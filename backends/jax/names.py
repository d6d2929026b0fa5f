"""Parameters by the names of PAR-1, in one dictionary or in nested ones: ``experts.u``, or ``u`` in ``experts``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["flat", "like"]


def flat(params: Mapping[str, Any]) -> dict[str, Any]:
    """One dictionary, where the names of nested ones are joined by dots.

    Example:
        >>> flat({"keys": 1, "experts": {"u": 2, "v": 3}})
        {'keys': 1, 'experts.u': 2, 'experts.v': 3}
    """
    found: dict[str, Any] = {}
    for name, value in params.items():
        parts = flat(value) if isinstance(value, Mapping) else None
        found |= {name: value} if parts is None else {f"{name}.{inner}": part for inner, part in parts.items()}
    return found


def like(template: Mapping[str, Any], values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """The values of a flat dictionary, nested as the template; names that only ``values`` has stand beside their like.

    Example:
        >>> like({"keys": 1, "experts": {"u": 2}}, {"keys": 3, "experts.u": 4, "experts.tap": 5})
        {'keys': 3, 'experts': {'u': 4, 'tap': 5}}
    """
    found: dict[str, Any] = {}
    for name, value in template.items():
        inner = f"{prefix}{name}"
        if isinstance(value, Mapping):
            found[name] = like(value, values, f"{inner}.")
        elif inner in values:
            found[name] = values[inner]
    nested = tuple(f"{prefix}{name}." for name, value in template.items() if isinstance(value, Mapping))
    for name, value in values.items():
        own = name.removeprefix(prefix)
        if name.startswith(prefix) and own not in found and not name.startswith(nested):
            found[own] = value
    return found
