"""Waivers: known failures that are accepted, each with a reason and the address of its discussion."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from peerspec.reference import PeerError

__all__ = ["read_waivers"]

_FIELDS = ("check", "reason", "url")


def read_waivers(path: Path) -> dict[str, str]:
    """The reason and address of each waived check.

    Raises:
        PeerError: not TOML, an entry with other fields than check, reason and url, or two entries for one check.
        OSError: the file cannot be read.
    """
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except ValueError as error:  # invalid TOML or UTF-8
        raise PeerError(f"{path} is not TOML: {error}") from None
    entries = document.get("waiver")
    if set(document) != {"waiver"} or not isinstance(entries, list):
        raise PeerError(f"{path} must hold only [[waiver]] tables, got {', '.join(document) or 'nothing'}")
    found: dict[str, str] = {}
    for entry in entries:
        _require_fields(path, entry)
        if entry["check"] in found:
            raise PeerError(f"{path} waives {entry['check']} twice; keep one")
        found[entry["check"]] = f"{entry['reason']}, {entry['url']}"
    return found


def _require_fields(path: Path, entry: Any) -> None:
    right = isinstance(entry, dict) and set(entry) == set(_FIELDS)
    if not right or not all(isinstance(value, str) and value.strip() for value in entry.values()):
        raise PeerError(f"{path}: a waiver must have the texts {', '.join(_FIELDS)} and nothing else, got {entry}")
