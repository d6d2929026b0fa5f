"""The verdict of the conformance suite, in its smallest size, on every implementation that is measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from peerspec.backends.jax import backend as jax_backend
from peerspec.backends.jax import library_operations as jax_library_operations
from peerspec.backends.protocol import LAYER_PROFILES
from peerspec.backends.torch import PEER, backend
from peerspec.backends.torch.arrays import to_array, to_tensor
from peerspec.backends.torch.kernels import library_operations
from peerspec.conformance import check_backend
from peerspec.reference import Layer

__all__ = ["EXAMPLE", "required", "verdicts"]

EXAMPLE = Path(__file__).parents[2] / "examples" / "peer_pytorch" / "backend.py"


class TouchedRows:
    """The layer as the benchmarks train it, with gradients as touched rows."""

    name, profiles = "torch", LAYER_PROFILES
    forward, select = staticmethod(backend.forward), staticmethod(backend.select)

    @staticmethod
    def gradients(layer: Layer, x: Any, dy: Any, *, mask: Any = None, training: bool = True) -> dict[str, Any]:
        module, tokens = PEER.from_layer(layer).train(training), to_tensor(x).clone().requires_grad_()
        module.sparse_gradients = True
        y = module(tokens, None if mask is None else to_tensor(mask))
        learned = {**dict(module.named_parameters()), "x": tokens}
        found = torch.autograd.grad(y, list(learned.values()), to_tensor(dy))
        return {name: to_array(gradient.to_dense()) for name, gradient in zip(learned, found, strict=True)}


def _without_core(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function inside ``library_operations()``, on whatever thread the suite calls it."""

    def inside(*arguments: Any, **options: Any) -> Any:
        with jax_library_operations():
            return function(*arguments, **options)

    return inside


class JaxWithoutCore:
    """The JAX backend without the core."""

    name, profiles = jax_backend.name, LAYER_PROFILES
    forward, select, gradients = (
        staticmethod(_without_core(function))
        for function in (jax_backend.forward, jax_backend.select, jax_backend.gradients)
    )


def verdicts(only: Sequence[str] | None = None) -> dict[str, str]:
    """The verdicts by name, of all or of some.

    Raises:
        SystemExit: an implementation is not conformant.
    """
    with_core: dict[str, Any] = {
        "torch, with the core": backend,
        "torch, gradients as touched rows": TouchedRows(),
        "PEER-pytorch": f"{EXAMPLE}:softmax",
        "JAX, with the core": jax_backend,
        "JAX, library operations": JaxWithoutCore(),
    }
    found = {name: _verdict(each) for name, each in with_core.items() if only is None or name in only}
    if only is None:
        with library_operations():
            found["torch, library operations"] = _verdict(backend)
    return required(found)


def _verdict(judged: Any) -> str:
    return str(check_backend(judged, size="minimal").verdict)


def required(found: dict[str, str]) -> dict[str, str]:
    """The verdicts, after checking that all are conformant.

    Raises:
        SystemExit: an implementation is not conformant.
    """
    for name, verdict in found.items():
        if not verdict.startswith("conformant"):
            raise SystemExit(f"{name}: {verdict}; only conformant layers are measured; run `peerspec check` on it")
    return found
