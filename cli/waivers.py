"""Waivers: known failures that are accepted, each with a reason and the address of its discussion."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from peerspec.files.limited import read_limited
from peerspec.files.shown import shown
from peerspec.reference import PeerError

__all__ = ["read_waivers"]

_FIELDS = ("check", "reason", "url")
_LIMIT = 1 << 20
"""The largest file that is read, in bytes: thousands of waivers."""


def read_waivers(path: Path) -> dict[str, str]:
    """The reason and address of each waived check.

    Raises:
        PeerError: not TOML, more than ``_LIMIT`` bytes, an entry with other fields than check, reason and url, or two
            entries for one check.
        OSError: the file cannot be read.
    """
    try:
        document = tomllib.loads(read_limited(path, _LIMIT).decode())
    except (ValueError, RecursionError) as error:  # invalid TOML or UTF-8, or values in values without end
        raise PeerError(f"{path} is not TOML that can be read: {error}; write [[waiver]] tables") from None
    entries = document.get("waiver")
    if set(document) != {"waiver"} or not isinstance(entries, list):
        raise PeerError(f"{path} must hold only [[waiver]] tables, got {shown(list(document))}")
    found: dict[str, str] = {}
    for entry in entries:
        _require_fields(path, entry)
        if entry["check"] in found:
            raise PeerError(f"{path} waives {shown(entry['check'])} twice; keep one")
        found[entry["check"]] = f"{entry['reason']}, {entry['url']}"
    return found


def _require_fields(path: Path, entry: Any) -> None:
    right = isinstance(entry, dict) and set(entry) == set(_FIELDS)
    if not right or not all(isinstance(value, str) and value.strip() for value in entry.values()):
        raise PeerError(
            f"{path}: a waiver must have the texts {', '.join(_FIELDS)} and nothing else, got {shown(entry)}"
        )
