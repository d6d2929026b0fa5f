"""The process of a named backend: ``python -P -m peerspec.conformance.hosts.worker NAME``.

Messages come on its standard input and go to its standard output. The backend has neither: it prints to standard error.
"""

from __future__ import annotations

import contextlib
import os
import sys
from importlib.util import find_spec
from typing import BinaryIO

from peerspec.backends import BackendError, load
from peerspec.backends.registry import names
from peerspec.conformance.hosts.fault import Fault
from peerspec.conformance.hosts.object_host import ObjectHost, outcome_of
from peerspec.conformance.hosts.sources import loaded_modules
from peerspec.conformance.hosts.worker_messages import (
    arguments_of,
    reply_of_answer,
    reply_of_fault,
    reply_of_refusal,
    reply_of_start,
)
from peerspec.conformance.hosts.worker_wire import read_message, write_message

__all__ = ["serve"]


def serve(name: str) -> None:
    """Load the backend, send its name, profiles and methods, then answer calls until standard input closes."""
    requests, replies = _streams()
    if not _is_known(name):
        with contextlib.suppress(OSError):  # a folder that is gone
            sys.path.append(os.getcwd())
    try:
        host = ObjectHost(load(name), timeout=0)
    except BackendError as error:
        write_message(replies, *reply_of_refusal(str(error)))
        return
    except BaseException as error:  # an attribute of its own may raise anything
        reason = f"backend {name!r} has attributes that cannot be read: {type(error).__name__}"
        write_message(replies, *reply_of_refusal(reason))
        return
    write_message(replies, *reply_of_start((host.name, host.profiles, host.methods, loaded_modules())))
    while True:
        try:
            method, arguments = arguments_of(read_message(requests))
            outcome = outcome_of(host.caller, method, arguments)
            reply = reply_of_fault(outcome) if isinstance(outcome, Fault) else reply_of_answer(method, outcome)
            write_message(replies, *reply)
        except (EOFError, BrokenPipeError):
            return  # the suite has ended


def _is_known(name: str) -> bool:
    """Whether a name needs no module of the current folder: an installed backend, or a module of the environment."""
    target = name.partition(":")[0]
    if name in names():
        return True
    if target.endswith(".py"):
        return False
    with contextlib.suppress(ImportError, ValueError):
        return find_spec(target.partition(".")[0]) is not None
    return False


def _streams() -> tuple[BinaryIO, BinaryIO]:
    """Standard input and output under other numbers; in their place are no input, and standard error."""
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return requests, replies


if __name__ == "__main__":
    serve(sys.argv[1])
