"""Whether a linear map of a model can get an adapter beside it."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn
from torch.nn.parallel import DistributedDataParallel

from peerspec.backends.torch.adapter.adapted import AdaptedLinear
from peerspec.backends.torch.adapter.module import PEERAdapter
from peerspec.backends.torch.arrays import is_dtensor
from peerspec.backends.torch.module import PEER
from peerspec.files.shown import shown

__all__ = ["why_not_adapted"]

_READERS = (nn.TransformerEncoderLayer, nn.MultiheadAttention)
"""Modules that read the weights of linear maps within them, and do not call these."""


def why_not_adapted(name: str, modules: Mapping[str, nn.Module]) -> str:
    """Why a module cannot get an adapter, and what to do about it; empty if it can.

    Args:
        name: the name of the module.
        modules: all modules of the model, by all their names.

    Example:
        >>> modules = dict(nn.Sequential(nn.Linear(4, 4), nn.ReLU()).named_modules())
        >>> why_not_adapted("0", modules), why_not_adapted("1", modules)
        ('', 'it is a ReLU, and adapters stand beside nn.Linear; match linear maps alone')
    """
    module = modules[name]
    for outer in _above(name):
        if reason := _why_owned(outer, modules.get(outer)):
            return reason
    if isinstance(module, AdaptedLinear):
        return "it has an adapter already; call remove_adapters first"
    if not isinstance(module, nn.Linear):
        return f"it is a {type(module).__name__}, and adapters stand beside nn.Linear; match linear maps alone"
    if others := [other for other, each in modules.items() if each is module and other != name]:
        return f"it is also {shown(others[0])}; give each place its own linear map, or leave it out"
    if any(map(is_dtensor, module.parameters())):
        return "its weight is split over several processes; add adapters before the model is sharded"
    return ""


def _above(name: str) -> list[str]:
    """The names of the modules around a module."""
    parts = name.split(".")
    return [".".join(parts[:count]) for count in range(len(parts))]


def _why_owned(name: str, outer: nn.Module | None) -> str:
    """Why a module around the linear map needs it as it is."""
    if isinstance(outer, AdaptedLinear | PEERAdapter):
        return f"it is part of the adapted {shown(name)}; call remove_adapters first, or leave it out"
    if isinstance(outer, PEER):
        return f"it is part of the PEER layer {shown(name)}; leave it out"
    if isinstance(outer, DistributedDataParallel):
        return "DistributedDataParallel holds its parameters; add adapters before the model is wrapped"
    if isinstance(outer, _READERS):
        return f"{type(outer).__name__} reads the weights of its parts and does not call them; leave it out"
    return ""
