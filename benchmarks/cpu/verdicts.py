"""Only what the suite passes is timed: its smallest size, on every implementation that computes the layer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from peerspec.backends.torch import PEER, backend
from peerspec.backends.torch.arrays import to_array, to_tensor
from peerspec.backends.torch.native import library_operations
from peerspec.conformance import check_backend
from peerspec.reference import Layer

__all__ = ["EXAMPLE", "required", "verdicts"]

EXAMPLE = Path(__file__).parents[2] / "examples" / "peer_pytorch" / "backend.py"


class TouchedRows:
    """The layer as it is trained here."""

    name, profiles = "torch", backend.profiles
    forward, select = staticmethod(backend.forward), staticmethod(backend.select)

    @staticmethod
    def gradients(layer: Layer, x: Any, dy: Any, *, mask: Any = None) -> dict[str, Any]:
        module, tokens = PEER.from_layer(layer), to_tensor(x).clone().requires_grad_()
        module.sparse_gradients = True
        y = module(tokens, None if mask is None else to_tensor(mask))
        learned = {**dict(module.named_parameters()), "x": tokens}
        found = torch.autograd.grad(y, list(learned.values()), to_tensor(dy))
        return {name: to_array(gradient.to_dense()) for name, gradient in zip(learned, found, strict=True)}


def verdicts() -> dict[str, str]:
    """The verdict of the suite by name.

    Raises:
        SystemExit: it found something.
    """
    found = {
        "torch, with the core": check_backend(backend, size="minimal").verdict,
        "torch, gradients as touched rows": check_backend(TouchedRows(), size="minimal").verdict,
        "PEER-pytorch": check_backend(f"{EXAMPLE}:softmax", size="minimal").verdict,
    }
    with library_operations():
        found["torch, library operations"] = check_backend(backend, size="minimal").verdict
    return required(found)


def required(found: dict[str, str]) -> dict[str, str]:
    """The verdicts, which must all be good.

    Raises:
        SystemExit: one is not.
    """
    for name, verdict in found.items():
        if not verdict.startswith("conformant"):
            raise SystemExit(f"{name}: {verdict}; a wrong layer is not timed: run `peerspec check` on it")
    return found
