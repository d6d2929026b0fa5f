"""What the configurations of chapter 15 share: checks of fields, and the form as a JSON object."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from typing import Any, TypeVar

from peerspec.files.shown import shown
from peerspec.files.strict_json import MAX_DIGITS, parse_json
from peerspec.reference.config import ACTIVATIONS, EXPERTS
from peerspec.reference.errors import ConfigError

__all__ = ["Fields", "require_activation_and_expert", "require_counts", "require_option"]

Config = TypeVar("Config", bound="Fields")


class Fields:
    """Base of the configurations, which are frozen dataclasses.

    Its fields are written to JSON, and read from it, one by one and without defaults (CMP-2).
    """

    def to_json(self) -> str:
        """The configuration as a JSON object, every field written out."""
        return json.dumps(asdict(self))  # type: ignore[call-overload]  # every subclass is a dataclass

    @classmethod
    def from_json(cls: type[Config], text: str) -> Config:
        """The configuration that ``to_json`` wrote.

        Raises:
            ConfigError: not a JSON object, a name given twice, an unknown or missing field, or a value that the clauses
                of this layer forbid.
        """
        try:
            values = parse_json(text)
        except json.JSONDecodeError as error:
            raise ConfigError(f"a configuration must be a JSON object, got {shown(text)} ({error}) (CMP-2)") from None
        except ValueError as error:
            raise ConfigError(f"a configuration cannot be read: {error} (CMP-2)") from None
        return cls.from_fields(values)

    @classmethod
    def from_fields(cls: type[Config], values: Any) -> Config:
        """The configuration whose fields are the entries of a JSON object.

        Raises:
            ConfigError: not a ``dict``, an unknown or missing field, or a value that the clauses of this layer forbid.
        """
        if not isinstance(values, dict):
            raise ConfigError(f"a configuration must be a JSON object, got {shown(values)} (CMP-2)")
        known = [field.name for field in fields(cls)]  # type: ignore[arg-type]  # every subclass is a dataclass
        if unknown := sorted(values.keys() - set(known)):
            raise ConfigError(
                f"unknown configuration field {shown(unknown[0])}; known are {', '.join(sorted(known))} (CMP-2)"
            )
        if missing := [name for name in known if name not in values]:
            raise ConfigError(
                f"a configuration must have all of {', '.join(known)}, but this one lacks {', '.join(missing)}; "
                "add what the layer was made with, because no default is assumed (CMP-2)"
            )
        require_counts("CMP-2", d_out=values["d_out"])
        return cls(**values)


def require_counts(clause: str, **values: Any) -> None:
    """Raise ConfigError where a value is not a whole number of at least 1."""
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ConfigError(f"{name} must be a whole number of at least 1, got {shown(value)} ({clause})")
        if value >= 10**MAX_DIGITS:
            raise ConfigError(f"{name} must have at most {MAX_DIGITS} digits here, got {shown(value)}")


def require_option(clause: str, name: str, value: Any, known: tuple[str, ...]) -> None:
    """Raise ConfigError where a value is none of the known names."""
    if value not in known:
        raise ConfigError(f"{name} must be one of {', '.join(known)}, got {shown(value)} ({clause})")


def require_activation_and_expert(activation: Any, expert: Any) -> None:
    """Raise ConfigError where one is no name of CFG-5."""
    require_option("CFG-5", "activation", activation, ACTIVATIONS)
    require_option("CFG-5", "expert", expert, EXPERTS)
