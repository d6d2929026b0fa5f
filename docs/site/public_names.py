"""The public names: what the rooms list in ``__all__``, each under the module that documents it."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["MODULES", "public_name", "public_names", "public_path"]

MODULES = (
    "peerspec.reference",
    "peerspec.reference.comparison",
    "peerspec.reference.adapter_files",
    "peerspec.backends.protocol",
    "peerspec.backends",
    "peerspec.backends.process",
    "peerspec.backends.torch.functional",
    "peerspec.backends.torch.optim",
    "peerspec.backends.torch.comparison",
    "peerspec.backends.torch",
    "peerspec.backends.jax",
    "peerspec.backends.jax.comparison",
    "peerspec.backends.jax.optim",
    "peerspec.backends.jax.usage",
    "peerspec.export",
    "peerspec.export.torch",
    "peerspec.export.ort",
    "peerspec.conformance.finding",
    "peerspec.conformance.kinds",
    "peerspec.conformance.plugin",
    "peerspec.conformance.problems",
    "peerspec.conformance.report",
    "peerspec.conformance.runner",
    "peerspec.conformance.verdict",
    "peerspec.conformance",
    "peerspec.verification",
    "peerspec.interchange",
    "peerspec.plots",
    "peerspec.native",
    "peerspec",
)
"""The modules with public names; a name that several list is documented under the first of them."""


def public_names() -> dict[str, Any]:
    """Every public name with its object, each object once."""
    listed = {f"{module}.{name}": _get(module, name) for module in MODULES for name in import_module(module).__all__}
    first: dict[int, str] = {}
    for name, thing in listed.items():
        first.setdefault(id(thing), name)
    return {name: listed[name] for name in first.values()}


def public_name(thing: Any) -> str | None:
    """The public name of an object, if it has one."""
    return _BY_ID.get(id(thing))


def public_path(path: str) -> str | None:
    """The public name of what is defined at a path such as ``peerspec.reference.layer.Layer``, if it has one."""
    return _BY_PATH.get(path)


def _get(module: str, name: str) -> Any:
    return getattr(import_module(module), name)


_NAMES = public_names()
_BY_PATH = {f"{thing.__module__}.{thing.__qualname__}": name for name, thing in _NAMES.items() if callable(thing)}
_BY_ID = {id(thing): name for name, thing in _NAMES.items()}
