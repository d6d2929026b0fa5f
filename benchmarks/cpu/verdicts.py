"""Only what the suite passes is timed: its smallest size, on every implementation that computes the layer."""

from __future__ import annotations

from pathlib import Path

from peerspec.backends.torch import backend
from peerspec.backends.torch.native import library_operations
from peerspec.conformance import check_backend

__all__ = ["verdicts"]

EXAMPLE = Path(__file__).parents[2] / "examples" / "peer_pytorch" / "backend.py"


def verdicts() -> dict[str, str]:
    """The verdict of the suite by name.

    Raises:
        SystemExit: it found something.
    """
    found = {
        "torch, with the core": check_backend(backend, size="minimal").verdict,
        "PEER-pytorch": check_backend(f"{EXAMPLE}:softmax", size="minimal").verdict,
    }
    with library_operations():
        found["torch, library operations"] = check_backend(backend, size="minimal").verdict
    for name, verdict in found.items():
        if not verdict.startswith("conformant"):
            raise SystemExit(f"{name}: {verdict}; a wrong layer is not timed: run `peerspec check` on it")
    return found
