"""What must be the same when an interrupted run goes on: the backend and its source, the suite, and the options."""

from __future__ import annotations

import inspect
import shlex
from collections.abc import Iterator, Mapping
from contextlib import suppress
from hashlib import file_digest
from pathlib import Path
from typing import Any

from peerspec.backends.process import Command
from peerspec.conformance.hashes import spec_hash, suite_hash
from peerspec.conformance.hosts.host import Host
from peerspec.conformance.hosts.worker_host import WorkerHost
from peerspec.conformance.versions import versions
from peerspec.reference import SPEC_VERSION

__all__ = ["identity"]


def identity(backend: Any, host: Host, options: Mapping[str, Any]) -> dict[str, str]:
    """The identity of a run, as text by name.

    Args:
        backend: as for ``check_backend``.
        host: its host.
        options: the options of the run that decide its report.
    """
    about: dict[str, Any] = {"backend": host.name, "claims": sorted(host.profiles), "address": _address(backend)}
    about |= {f"version of {name}": found for name, found in versions().items() if name != "platform"}
    about |= {f"contents of {name}": digest for name, digest in _contents(backend, host).items()}
    about |= {"specification": f"{SPEC_VERSION} {spec_hash()[:10]}", "suite": suite_hash()[:10]}
    return {name: _text(value) for name, value in (about | dict(options)).items()}


def _text(value: Any) -> str:
    return "not given" if value is None else str(value)


def _address(backend: Any) -> str:
    if isinstance(backend, Command):
        return backend.words if isinstance(backend.words, str) else shlex.join(backend.words)
    return backend if isinstance(backend, str) else type(backend).__name__


def _contents(backend: Any, host: Host) -> dict[str, str]:
    """Digests of what is known of a backend: the modules of its process, or the files that a command names."""
    if isinstance(host, WorkerHost):
        return host.modules
    return {path.name: _hash(path) for path in _files(backend) if path.is_file()}


def _files(backend: Any) -> Iterator[Path]:
    if isinstance(backend, Command):
        words = shlex.split(backend.words) if isinstance(backend.words, str) else backend.words
        yield from map(Path, words)
        return
    with suppress(TypeError):  # a class without a file
        yield Path(inspect.getsourcefile(backend if inspect.ismodule(backend) else type(backend)) or "")


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()[:10]
