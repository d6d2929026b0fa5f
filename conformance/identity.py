"""What must be the same when an interrupted run goes on: the backend and its source, the suite, and the options."""

from __future__ import annotations

import importlib.util
import inspect
import shlex
from collections.abc import Iterator, Mapping
from hashlib import sha256
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from peerspec.backends.process import Command
from peerspec.backends.registry import GROUP
from peerspec.conformance.hashes import spec_hash, suite_hash
from peerspec.conformance.hosts.host import Host
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
    about |= {f"contents of {path.name}": _hash(path) for path in _sources(backend)}
    about |= {"specification": f"{SPEC_VERSION} {spec_hash()[:10]}", "suite": suite_hash()[:10]}
    return {name: _text(value) for name, value in (about | dict(options)).items()}


def _text(value: Any) -> str:
    return "not given" if value is None else str(value)


def _address(backend: Any) -> str:
    if isinstance(backend, Command):
        return backend.words if isinstance(backend.words, str) else shlex.join(backend.words)
    return backend if isinstance(backend, str) else type(backend).__name__


def _sources(backend: Any) -> Iterator[Path]:
    """The files of a backend that are known: its Python file, or the files that a command names."""
    if isinstance(backend, Command):
        words = shlex.split(backend.words) if isinstance(backend.words, str) else backend.words
        yield from (path for path in map(Path, words) if path.is_file())
        return
    target = _target(backend) if isinstance(backend, str) else _source_of(backend)
    if target and Path(target).is_file():
        yield Path(target)


def _source_of(backend: Any) -> str | None:
    try:
        return inspect.getsourcefile(backend if inspect.ismodule(backend) else type(backend))
    except TypeError:  # a class without a file
        return None


def _target(name: str) -> str | None:
    """The file of a backend by its name, which was imported before and so exists."""
    points = {point.name: point.value for point in entry_points(group=GROUP)}
    target = points.get(name, name).partition(":")[0]
    if target.endswith(".py"):
        return target
    spec = importlib.util.find_spec(target)
    return spec.origin if spec else None


def _hash(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()[:10]
