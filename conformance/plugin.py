"""The pytest plugin: ``pytest --pyargs peerspec.conformance --peer-backend BACKEND``.

pytest imports this module on every start if peerspec is installed. So it imports nothing and does nothing until pytest
collects this package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

__all__ = ["pytest_addoption", "pytest_collect_directory", "pytest_report_header"]

_HERE = __file__.removesuffix("plugin.py").rstrip("/\\")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options; ``pytest_items`` reads them."""
    group = parser.getgroup("peerspec", "conformance of a PEER backend (pytest --pyargs peerspec.conformance)")
    group.addoption("--peer-backend", metavar="BACKEND", help="a name, module:attribute or file.py:attribute")
    group.addoption("--peer-size", metavar="SIZE", default="default", help="minimal, default or full")
    group.addoption("--peer-seed", metavar="SEED", type=int, default=0, help="seed of the inputs (0 by default)")
    group.addoption(
        "--peer-profile", metavar="PROFILE", action="append", help="run only this profile or precision; repeatable"
    )
    group.addoption(
        "--peer-timeout", metavar="SECONDS", type=float, default=60.0, help="time limit of one call (60 by default)"
    )


def pytest_collect_directory(path: Path, parent: pytest.Collector) -> Any:
    """Collect this package as the steps of a run; leave every other folder to pytest."""
    if str(path) != _HERE:
        return None
    from peerspec.conformance.pytest_items import NODE, Suite

    return Suite.from_parent(parent, path=path, nodeid=NODE)


def pytest_report_header(config: pytest.Config) -> str | None:
    """The backend and the options of the run, if a backend is named."""
    if not (backend := config.getoption("peer_backend")):
        return None
    from peerspec.files.shown import printable

    size, seed = config.getoption("peer_size"), config.getoption("peer_seed")
    return printable(f"peerspec: backend {backend}, size {size}, seed {seed}")
