"""The process of a named backend: ``python -P -m peerspec.conformance.hosts.worker NAME``.

Messages come on its standard input and go to its standard output. The backend has neither: it prints to standard error.
"""

from __future__ import annotations

import os
import sys
from typing import BinaryIO

from peerspec.backends import BackendError, load
from peerspec.conformance.hosts.fault import Fault
from peerspec.conformance.hosts.object_host import ObjectHost, outcome_of
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
    sys.path.append(os.getcwd())  # for a module of this folder; behind the modules that the suite needs itself
    try:
        host = ObjectHost(load(name), timeout=0)
    except BackendError as error:
        write_message(replies, *reply_of_refusal(str(error)))
        return
    except BaseException as error:  # an attribute of its own may raise anything
        reason = f"backend {name!r} has attributes that cannot be read: {type(error).__name__}"
        write_message(replies, *reply_of_refusal(reason))
        return
    write_message(replies, *reply_of_start((host.name, host.profiles, host.methods)))
    while True:
        try:
            method, arguments = arguments_of(read_message(requests))
            outcome = outcome_of(host.caller, method, arguments)
            reply = reply_of_fault(outcome) if isinstance(outcome, Fault) else reply_of_answer(method, outcome)
            write_message(replies, *reply)
        except (EOFError, BrokenPipeError):
            return  # the suite has ended


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
