"""From arguments to an exit status. An error that a user can cause is one sentence, not a traceback."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence

import typer

from peerspec.cli import INTERRUPTED
from peerspec.cli.app import app
from peerspec.cli.say import say
from peerspec.cli.streams import lasting_streams
from peerspec.cli.threads import TOO_LITTLE, is_from_start

__all__ = ["run"]


def run(arguments: Sequence[str] | None) -> int:
    """Run the command and return its exit status; 2 for an error.

    Raises:
        KeyboardInterrupt: the user stopped it.
    """
    with lasting_streams() as output:
        status = _run(arguments)
    if output and output.failure and not isinstance(output.failure, BrokenPipeError):
        say(f"standard output cannot be written: {output.failure.strerror}; the output is not whole")
        return 2
    return status


def _run(arguments: Sequence[str] | None) -> int:
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if arguments[:1] == ["help"]:
        arguments = [*arguments[1:], "--help"]
    try:
        status = app(arguments or ["--help"], prog_name="peerspec", standalone_mode=False)
    except typer.Abort:
        raise KeyboardInterrupt from None
    except Exception as error:
        return _explain(error)
    if status == INTERRUPTED:  # some versions of typer return it instead of Abort
        raise KeyboardInterrupt
    return status or 0


def _explain(error: Exception) -> int:
    from peerspec.reference import PeerError

    usage = getattr(error, "format_message", None)
    if usage is not None:  # wrong arguments; the class is elsewhere in each version of typer
        if message := usage().replace("Value error, ", ""):  # a prefix that a library of typer adds
            say(f"{message.rstrip('.')}; see `peerspec --help` and `peerspec COMMAND --help`")
    elif isinstance(error, OSError) and error.filename is not None:
        say(f"{error.filename}: {error.strerror}")
    elif isinstance(error, PeerError | OSError | ImportError):
        say(str(error))
    elif isinstance(error, MemoryError) or is_from_start(error):
        say(TOO_LITTLE)
    else:
        traceback.print_exc()
        say(f"a defect of peerspec; please report it: {type(error).__name__}: {error}")
    return 2
