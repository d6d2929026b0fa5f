"""Whether a block of a model is a map of tokens, x [..., D] to y [..., M], as a layer is."""

from __future__ import annotations

from inspect import signature
from itertools import chain

import torch
from torch import Tensor, nn
from torch.func import functional_call

from peerspec.files.shown import printable, said
from peerspec.reference import PeerConfig

__all__ = ["why_no_map"]

_LENGTH = 200
"""Characters of another's error that a message shows."""


def why_no_map(block: nn.Module, config: PeerConfig) -> str:
    """Why the block does not map tokens as a layer of this configuration does; empty if it does.

    The block runs once, on the device meta, where nothing is computed and none of its tensors is changed.

    Example:
        >>> config = PeerConfig(d_model=4, heads=1, num_experts=9, top_k=2, d_key=4)
        >>> why_no_map(nn.Linear(4, 4), config)
        ''
        >>> why_no_map(nn.Linear(4, 8), config)
        'it maps tokens of width 4 to width 8, the layer to d_out = 4'
    """
    arguments = ", ".join(map(str, signature(block.forward).parameters.values()))
    if len(signature(block.forward).parameters) != 1 or arguments.startswith("*"):
        return f"its forward takes other arguments than one tensor of tokens, ({printable(arguments)})"
    try:
        y = _on_meta(block, config.d_model)
    except Exception as error:  # of other people's code
        reason = printable(said(error).partition("\n")[0])[:_LENGTH]
        return f"its forward does not take tokens of width d_model = {config.d_model} on the device meta, {reason!r}"
    if not isinstance(y, Tensor):
        return f"its forward returns a {type(y).__name__} and not one tensor"
    if y.shape[:-1] != (1, 2):
        return f"its forward maps tokens of shape {(1, 2, config.d_model)} to the shape {tuple(y.shape)}"
    if y.shape[-1] != config.d_out:
        return f"it maps tokens of width {config.d_model} to width {y.shape[-1]}, the layer to d_out = {config.d_out}"
    return ""


@torch.no_grad()
def _on_meta(block: nn.Module, width: int) -> object:
    """What the block returns for two tokens."""
    tensors = dict(chain(block.named_parameters(), block.named_buffers()))
    dtypes = [tensor.dtype for tensor in tensors.values() if tensor.is_floating_point()]
    x = torch.empty(1, 2, width, dtype=dtypes[0] if dtypes else None, device="meta")
    bare = {name: torch.empty_like(tensor, device="meta") for name, tensor in tensors.items()}
    with torch.device("meta"):
        return functional_call(block, bare, (x,))
