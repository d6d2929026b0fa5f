"""The errors that a user can cause. Each message says what is wrong, what was expected, what it got, and what to do."""

from __future__ import annotations

__all__ = ["ConfigError", "FileFormError", "InputError", "PeerError", "TableError"]


class PeerError(ValueError):
    """Base of every error raised for input that SPEC.md forbids."""


class ConfigError(PeerError):
    """A configuration outside chapter 1 of SPEC.md (CFG-1 … CFG-5)."""


class TableError(PeerError):
    """Parameters that do not fit their configuration (PAR-1, PAR-3, PAR-5)."""


class FileFormError(PeerError):
    """A file that is not a layer in the file form of SPEC.md (PAR-6)."""


class InputError(PeerError):
    """An input, mask or index array that does not fit the layer (SHP-1, SHP-2, NRM-5)."""
