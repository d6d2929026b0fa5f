"""PEER layers in the place of blocks of an existing model."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeVar

import torch
from torch import nn

from peerspec.backends.torch.module import PEER
from peerspec.backends.torch.module_names import Where, matching, modules_of, of_class
from peerspec.backends.torch.replaceable import why_kept
from peerspec.backends.torch.token_maps import why_no_map
from peerspec.files.shown import shown
from peerspec.reference import InputError, PeerConfig

__all__ = ["peer_layers", "replace_ffn"]

T = TypeVar("T")
Config = PeerConfig | Callable[[str, nn.Module], PeerConfig]


def replace_ffn(
    model: nn.Module,
    where: Where,
    config: Config,
    *,
    wrap: Callable[[PEER], nn.Module] | None = None,
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
    sparse_gradients: bool = False,
) -> list[str]:
    """Put new PEER layers in the place of feed-forward blocks of a model, in place.

    Do it before optimisers, ``fully_shard``, ``DistributedDataParallel`` and hooks see the model. Parameters are new,
    drawn from torch's generator, and learn, also where those of the block were frozen.

    Args:
        model: the model; it is no block itself.
        where: which blocks. A ``str`` is a glob for the last parts of a qualified name, part by part: ``mlp`` and
            ``*.mlp`` match ``layers.0.mlp``, ``layers.[02].mlp`` does, and ``*`` goes over no dot. A compiled regular
            expression must match the whole name. A sequence names what any of its patterns matches. Or a function
            ``(name, module) -> bool``.
        config: the configuration of every new layer, or a function ``(name, module) -> PeerConfig``.
        wrap: makes of each new layer the module that takes the place of the block, for a block that takes or returns
            something else than one tensor of tokens. Then widths are not compared, and the layer has the name that
            the module gives to it.
        device, dtype: as for ``PEER``. Default: those of the block's parameters.
        sparse_gradients: as for ``PEER``.

    Returns:
        The names of the blocks, in the order of ``model.named_modules()``. A block with several names is replaced under
        all of them by one layer.

    Raises:
        InputError: ``where``, or a pattern of it, matches nothing. Or a block lies within another one; has a name that
            ``where`` does not match; is, holds or is part of a PEER layer; maps other widths; takes or returns
            something else than one tensor; has parameters of several devices or dtypes; has hooks, parametrizations, a
            compiled forward or split parameters, which would be lost; lies in a ``DistributedDataParallel`` or a
            ``TransformerEncoderLayer``, which use its parameters themselves. Then no block was replaced.
        TableError: another dtype.

    Example:
        >>> feed_forward = lambda: nn.Sequential(nn.Linear(8, 32), nn.GELU(), nn.Linear(32, 8))
        >>> model = nn.ModuleList(nn.ModuleDict({"mlp": feed_forward(), "norm": nn.LayerNorm(8)}) for _ in range(4))
        >>> config = PeerConfig(d_model=8, heads=2, num_experts=16, top_k=4, d_key=4)
        >>> replace_ffn(model, "[13].mlp", config)
        ['1.mlp', '3.mlp']
    """
    modules, matched = modules_of(model), matching(model, where)
    for name in matched:
        if reason := why_kept(name, matched, modules):
            raise InputError(f"the block {shown(name)} cannot be replaced: {reason}")
    places: dict[nn.Module, list[str]] = {}
    for name, block in matched.items():
        places.setdefault(block, []).append(name)
    plans = [_plan(names[0], block, config, device, dtype, wrap is None) for block, names in places.items()]
    for (block, names), plan in zip(places.items(), plans, strict=True):
        new = _made(plan, wrap, sparse_gradients).train(block.training)
        for name in names:
            parent, _, leaf = name.rpartition(".")
            setattr(modules[parent], leaf, new)
    return list(matched)


def peer_layers(model: nn.Module) -> dict[str, PEER]:
    """The PEER layers of a model by name, each once; a model that is one itself has the name ''.

    Example:
        >>> layer = PEER(PeerConfig(d_model=8, heads=2, num_experts=16, top_k=4, d_key=4))
        >>> list(peer_layers(nn.Sequential(nn.Linear(8, 8), layer)))
        ['1']
    """
    return of_class(model, PEER)


class _Plan(NamedTuple):
    """What is to be made for a block."""

    config: PeerConfig
    device: torch.device | str
    dtype: torch.dtype


def _plan(
    name: str,
    block: nn.Module,
    config: Config,
    device: torch.device | str | None,
    dtype: torch.dtype | None,
    compared: bool,
) -> _Plan:
    """The plan for one block; ``compared``: whether the layer must map tokens as the block does."""
    own = config if isinstance(config, PeerConfig) else config(name, block)
    if not isinstance(own, PeerConfig):
        raise InputError(f"config must be a PeerConfig, or a function that returns one, got {shown(own)}")
    if compared and (reason := why_no_map(block, own)):
        raise InputError(
            f"the block {shown(name)} cannot be replaced: {reason}; give the configuration its widths, or pass wrap, "
            "which makes a module that takes and returns what the block does"
        )
    plan = _Plan(
        own,
        _only(name, "device", [parameter.device for parameter in block.parameters()]) if device is None else device,
        _only(name, "dtype", [parameter.dtype for parameter in block.parameters()]) if dtype is None else dtype,
    )
    PEER(own, device="meta", dtype=plan.dtype)  # refuses dtypes before any block is replaced
    return plan


def _only(name: str, word: str, values: list[T]) -> T:
    """What all parameters of the block have."""
    if len(found := set(values)) != 1:
        names = ", ".join(sorted(map(str, found))) or "none"
        raise InputError(f"the parameters of the block {shown(name)} have no common {word}, but {names}; pass {word}")
    return values[0]


def _made(plan: _Plan, wrap: Callable[[PEER], nn.Module] | None, sparse_gradients: bool) -> nn.Module:
    layer = PEER(plan.config, device=plan.device, dtype=plan.dtype, sparse_gradients=sparse_gradients)
    module = layer if wrap is None else wrap(layer)
    if not isinstance(module, nn.Module):
        raise InputError(f"wrap must return a module, got {shown(module)}")
    return module
