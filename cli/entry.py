"""From arguments to an exit status, with one sentence instead of a traceback for every error a user can cause."""

from __future__ import annotations

import contextlib
import sys
import traceback
from collections.abc import Sequence

import typer

from peerspec.cli import INTERRUPTED
from peerspec.cli.app import app

__all__ = ["run"]


def run(arguments: Sequence[str] | None) -> int:
    """The exit status: 0, 1 or 2 as the command says, 2 for an error.

    Raises:
        KeyboardInterrupt: the user stopped it.
    """
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError):  # a stream that somebody replaced
            stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        status = app(arguments or ["--help"], prog_name="peerspec", standalone_mode=False)
    except typer.Abort:
        raise KeyboardInterrupt from None
    except Exception as error:
        return _explain(error)
    if status == INTERRUPTED:  # as typer may say instead
        raise KeyboardInterrupt
    return status or 0


def _explain(error: Exception) -> int:
    from peerspec.reference import PeerError

    usage = getattr(error, "format_message", None)
    if usage is not None:  # wrong arguments; typer's class moved between its versions
        if message := usage().replace("Value error, ", ""):  # words of a library inside typer
            _say(f"{message.rstrip('.')}; `peerspec --help` and `peerspec COMMAND --help` tell more")
    elif isinstance(error, OSError) and error.filename is not None:
        _say(f"{error.filename}: {error.strerror}")
    elif isinstance(error, PeerError | OSError | ImportError):
        _say(str(error))
    else:
        traceback.print_exc()
        _say(f"a fault of peerspec itself, please report it: {type(error).__name__}: {error}")
    return 2


def _say(sentence: str) -> None:
    print("peerspec:", " ".join(sentence.split()), file=sys.stderr)
