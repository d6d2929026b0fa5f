"""The messages of the protocol, one JSON object per line; ``schemas/`` describes them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peerspec.backends.process.errors import ProcessError, RefusalError
from peerspec.backends.process.program import quoted
from peerspec.backends.protocol import NAME, is_name, is_support
from peerspec.files.strict_json import parse_json
from peerspec.reference import SPEC_VERSION, AdapterConfig, PeerConfig
from peerspec.reference.comparison import DenseConfig, ExpertChoiceConfig, PKMConfig, TokenChoiceConfig

__all__ = ["METHODS", "PROTOCOL", "StartReply", "decode", "read_start", "read_support", "request"]

PROTOCOL = 1
"""The version of the protocol; it increases with every change that breaks an existing program."""
METHODS = (
    "forward", "select", "gradients", "grow", "train", "comparison", "comparison_gradients", "adapt",
    "adapter_gradients", "supports",
)  # fmt: skip
_ERROR_LIMIT = 300
"""Letters of a program's error message that are shown."""


@dataclass(frozen=True)
class StartReply:
    """The reply of a program to ``start``."""

    name: str
    profiles: frozenset[str]
    methods: frozenset[str]


def request(method: str, **fields: Any) -> bytes:
    """One line of UTF-8 without its line end; only quotes, backslashes and control characters are escaped."""
    fields = {key: _plain(value) for key, value in fields.items()}
    return json.dumps({"method": method} | fields, ensure_ascii=False).encode()


def decode(line: bytes, method: str) -> dict[str, Any]:
    """The reply to ``method``.

    Raises:
        RefusalError: the program replied with an error.
        ProcessError: the line is not a JSON object, or not a reply to this message.
    """
    try:
        reply = parse_json(line)
    except ValueError:
        raise ProcessError(f"its answer to {method} is not a line of JSON: {quoted(line)}") from None
    kind = reply.get("reply") if isinstance(reply, dict) else None
    if kind == "error" and isinstance(reply.get("message"), str) and len(reply) == 2:
        reason = quoted(reply["message"].encode("utf-8", "replace"), letters=_ERROR_LIMIT)
        raise RefusalError(f"the program answered {method} with the error {reason}")
    if kind != method:
        raise ProcessError(f'its answer to {method} must be an object with "reply": "{method}", got {quoted(line)}')
    expected = _FIELDS[method]
    if set(reply) != expected:
        wrong = sorted(set(reply) ^ expected)[0]
        raise ProcessError(f"its answer to {method} must have the fields {_listed(expected)}; {wrong!r} is wrong")
    return reply


def read_start(reply: dict[str, Any]) -> StartReply:
    """The checked reply to ``start``.

    Raises:
        ProcessError: a field is wrong.
    """
    name, profiles, methods = reply["name"], reply["profiles"], reply["methods"]
    if type(reply["protocol"]) is not int or reply["protocol"] != PROTOCOL:
        raise ProcessError(f"the program uses protocol {reply['protocol']!r}, this package {PROTOCOL}")
    if not is_name(name):
        raise ProcessError(f"{NAME}, got {name!r:.120}")
    for what, values in (("profiles", profiles), ("methods", methods)):
        if not (isinstance(values, list) and all(isinstance(value, str) for value in values)):
            raise ProcessError(f"its {what} must be a list of names, got {values!r:.120}")
    if unknown := sorted(set(methods) - set(METHODS)):
        raise ProcessError(f"it offers the unknown method {unknown[0]!r:.120}; known are {', '.join(METHODS)}")
    if "forward" not in methods:
        raise ProcessError("it does not offer forward, which every backend has; name it in its methods")
    return StartReply(name, frozenset(profiles), frozenset(methods))


def read_support(reply: dict[str, Any]) -> bool | str:
    """The checked reply to ``supports``: True, or the reason why not.

    Raises:
        ProcessError: anything else.
    """
    answer = reply["supported"]
    if is_support(answer):
        return answer
    raise ProcessError(f"supported must be true or a reason in one printable line, got {answer!r:.120}")


_FIELDS = {
    "start": {"reply", "protocol", "name", "profiles", "methods"},
    "forward": {"reply"},
    "select": {"reply"},
    "gradients": {"reply"},
    "grow": {"reply"},
    "train": {"reply"},
    "comparison": {"reply"},
    "comparison_gradients": {"reply"},
    "adapt": {"reply"},
    "adapter_gradients": {"reply"},
    "supports": {"reply", "supported"},
}


def _plain(value: Any) -> Any:
    if isinstance(value, PeerConfig | AdapterConfig | DenseConfig | TokenChoiceConfig | ExpertChoiceConfig | PKMConfig):
        return json.loads(value.to_json())
    return str(value) if isinstance(value, Path) else value


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names))


def start() -> bytes:
    """The first message."""
    return request("start", protocol=PROTOCOL, spec=SPEC_VERSION)
