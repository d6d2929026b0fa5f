"""The process of a named backend: ``python -m peerspec.conformance.hosts.worker ADDRESS NAME``."""

from __future__ import annotations

import os
import sys
from multiprocessing.connection import Client

from peerspec.backends import BackendError, load
from peerspec.conformance.hosts.arguments import unpacked
from peerspec.conformance.hosts.object_host import ObjectHost, outcome_of

__all__ = ["serve"]


def serve(address: str, name: str) -> None:
    """Load the backend, send its name, profiles and methods, then answer calls until the connection closes."""
    with Client(address, authkey=bytes.fromhex(os.environ.pop("PEERSPEC_WORKER_KEY"))) as connection:
        try:
            host = ObjectHost(load(name), timeout=0)
        except Exception as error:
            connection.send(BackendError(str(error)))
            return
        connection.send((host.name, host.profiles, host.methods))
        while True:
            try:
                method, arguments = connection.recv()
                connection.send(outcome_of(host.caller, method, unpacked(arguments)))
            except (EOFError, BrokenPipeError, ConnectionResetError):
                return  # the parent has ended


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2])
