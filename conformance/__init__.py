"""The suite decides whether a backend is PEER, and if not, which stage breaks which clause.

The command ``peerspec check`` and the pytest plugin run the same code as ``check_backend``.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from peerspec.conformance.finding import Finding
    from peerspec.conformance.report import Report
    from peerspec.conformance.runner import check_backend

__all__ = ["Finding", "Report", "check_backend"]

_HOME = {"Finding": "finding", "Report": "report", "check_backend": "runner"}


def __getattr__(name: str) -> Any:
    # pytest imports this package on every start to find its plugin, so it must import nothing else
    from importlib import import_module

    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
