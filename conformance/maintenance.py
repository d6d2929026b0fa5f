"""The commands ``python -m peerspec.conformance.…`` of those who work on the suite: an error is one sentence."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from peerspec.files.limited import read_limited
from peerspec.files.shown import printable
from peerspec.reference import PeerError

__all__ = ["read_document", "run_with_paths"]

_LIMIT = 1 << 26
"""The largest document that is read, in bytes: hundreds of times SPEC.md."""


def run_with_paths(run: Callable[..., object], usage: str, *, least: int, most: int | None = None) -> None:
    """Call ``run`` with the arguments of the process, which are paths, and end it with 2 after an error.

    Args:
        run: what to do.
        usage: the command with its arguments, as in ``module FOLDER``.
        least: the smallest number of arguments.
        most: the largest number; None for any.
    """
    arguments = sys.argv[1:]
    usage = f"usage: python -m {usage}"
    if arguments in (["-h"], ["--help"]):
        print(usage)
        return
    if len(arguments) < least or (most is not None and len(arguments) > most):
        _end(f"expected {_number(least, most)}, got {len(arguments)}; {usage}")
    try:
        run(*map(Path, arguments))
    except OSError as error:
        path = error.filename or " ".join(arguments)
        _end(f"{path}: {error.strerror or error}; name paths that can be read and written")
    except (PeerError, ValueError) as error:
        _end(str(error))


def read_document(path: Path) -> str:
    """The text of a document.

    Raises:
        OSError, PeerError: it cannot be read, is too large, or is not UTF-8.
    """
    try:
        return read_limited(path, _LIMIT).decode().replace("\r\n", "\n")
    except ValueError as error:
        raise PeerError(f"{path} is not a text that can be read: {error}; name a document in UTF-8") from None


def _number(least: int, most: int | None) -> str:
    if least == most:
        return f"{least} argument{'s' * (least != 1)}"
    return f"at least {least} argument{'s' * (least != 1)}"


def _end(text: str) -> NoReturn:
    print("peerspec:", printable(" ".join(text.split())), file=sys.stderr)
    sys.exit(2)
