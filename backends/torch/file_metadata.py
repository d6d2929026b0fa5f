"""The metadata that describe the PEER layers of a torch model (PAR-8)."""

from __future__ import annotations

from torch import nn

from peerspec.backends.torch.module import PEER
from peerspec.reference import layers_metadata as metadata_of

__all__ = ["layers_metadata"]


def layers_metadata(model: nn.Module) -> dict[str, str]:
    """The metadata of a safetensors file of ``model``, so that readers find its PEER layers (PAR-8).

    A layer that the model holds under several names is described under the one that ``save_model`` keeps.

    Args:
        model: a module that contains ``PEER`` modules; to save a single one use ``PEER.save``.

    Raises:
        FileFormError: the model contains no ``PEER`` module, is one itself, or has one within another.

    Example:
        >>> import torch
        >>> from peerspec.backends.torch import PEER, PeerConfig, layers_metadata
        >>> layer = PEER(PeerConfig(d_model=4, heads=1, num_experts=9, top_k=2, d_key=4))
        >>> model = torch.nn.Sequential(torch.nn.Linear(4, 4), layer)
        >>> sorted(layers_metadata(model))
        ['peerspec.layers', 'peerspec.spec']

        Save the model with them, and read its layer without the model:

        >>> from safetensors.torch import save_model
        >>> save_model(model, "model.safetensors", metadata=layers_metadata(model))  # doctest: +SKIP
        >>> PEER.load("model.safetensors", prefix="1")  # doctest: +SKIP
    """
    names: dict[PEER, list[str]] = {}
    for name, module in model.named_modules(remove_duplicate=False):
        if isinstance(module, PEER):
            names.setdefault(module, []).append(name)
    return metadata_of({min(prefixes, key=_first_kept): layer.config for layer, prefixes in names.items()})


def _first_kept(prefix: str) -> str:
    """``save_model`` keeps the first of several names of a tensor in this order."""
    return f"{prefix}."
