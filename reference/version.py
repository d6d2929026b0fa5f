"""The version of SPEC.md here, the versions whose files are read, and the address of the documentation."""

import re

__all__ = ["OLD_VERSION", "SITE", "SPEC_VERSION", "is_readable_version"]

SPEC_VERSION = "1.0-rc"
"""Major and minor version, as in SPEC.md."""
OLD_VERSION = "0.9"
"""The one version before 1.0-rc whose files are read (PAR-7)."""
SITE = "https://peerspec.github.io/peerspec/"
"""The address of the documentation; SPEC.md is its page ``spec.html``."""

_GRAMMAR = re.compile(r"(0|[1-9][0-9]{0,8})\.(?:0|[1-9][0-9]*)(?:-rc)?")


def is_readable_version(text: str) -> bool:
    """Whether a file of that version of SPEC.md is read here: 0.9, or from 1.0-rc to this first number (PAR-7).

    Example:
        >>> is_readable_version("0.9"), is_readable_version("1.3"), is_readable_version("2.0")
        (True, True, False)
    """
    if text == OLD_VERSION:
        return True
    match = _GRAMMAR.fullmatch(text)
    return match is not None and 1 <= int(match[1]) <= int(SPEC_VERSION.split(".")[0])
