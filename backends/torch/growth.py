"""A module with more experts, and its optimisers (SPEC.md, chapter 12)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.parametrize import is_parametrized

from peerspec.backends.torch.arrays import is_dtensor, to_array, to_tensor
from peerspec.backends.torch.huge_pages import copied
from peerspec.backends.torch.module import PEER
from peerspec.backends.torch.optim.optimiser import Optimiser
from peerspec.reference import InputError, Layer
from peerspec.reference.config import STATISTICS
from peerspec.reference.growth import NewValues, grown_config, with_room
from peerspec.reference.growth import grow as grow_layer

__all__ = ["grow"]

Optimisers = torch.optim.Optimizer | Iterable[torch.optim.Optimizer]
State = dict[str, Any]


def grow(
    module: PEER, num_experts: int, *, optimisers: Optimisers = (), seed: int = 0, init: NewValues = "random"
) -> PEER:
    """A module with ``num_experts`` experts; the old ones, and what optimisers keep of them, have their bits.

    The old module stays as it is. Put the new one in its place: ``model.ffn = grow(model.ffn, 2**20, optimisers=opt)``.
    After that, make anew what holds parameters: DistributedDataParallel, averages of weights, compiled functions.

    Args:
        module: the module; its parameters have values, and lie in this process.
        num_experts: N′ = n′², at least N.
        optimisers: those that hold parameters of the module. Afterwards they hold those of the new one, with the
            state of the old ones; new entries start without any (GRW-4). State of a parameter as a whole, such as its
            number of steps, stays.
        seed, init: as for ``peerspec.reference.grow``, which gives the same bits.

    Raises:
        ConfigError, TableError: as ``peerspec.reference.grow``; or a parameter has no values. Nothing has changed.
        InputError: a parametrization or shards in place of a parameter, one tensor for two parameters, or no
            optimiser holds a parameter of the module. Nothing has changed.

    Example:
        >>> from peerspec.backends.torch import PeerConfig
        >>> layer = PEER(PeerConfig(d_model=8, heads=2, num_experts=16, top_k=4, d_key=4))
        >>> optimiser = torch.optim.AdamW(layer.parameters())
        >>> layer = grow(layer, 25, optimisers=optimiser)
        >>> layer.experts.u.shape
        torch.Size([25, 8])
    """
    grown_config(module.config, num_experts)  # refuses before anything is copied
    owners = [optimisers] if isinstance(optimisers, torch.optim.Optimizer) else list(optimisers)
    old = _parameters(module)
    layer = grow_layer(Layer(module.config, module._arrays()), num_experts, seed=seed, init=init)
    new = _module(module, layer)
    pairs = {parameter: (name, _parameters(new)[name]) for name, parameter in old.items()}
    states = [_grown_states(owner, pairs, layer.config.n) for owner in owners]
    for owner, state in zip(owners, states, strict=True):
        _take_over(owner, pairs, state)
    return new


def _parameters(module: PEER) -> dict[str, Tensor]:
    """The learned parameters by the names of PAR-1, each a leaf of its own."""
    found = {name: tensor for name, tensor in module._tensors().items() if name not in STATISTICS}
    tools = any(map(is_parametrized, module.modules()))
    for name, tensor in found.items():
        if is_dtensor(tensor) or not isinstance(tensor, torch.nn.Parameter) or tools:
            raise InputError(
                f"{name} is computed or split by a tool, such as parametrize or fully_shard; grow the layer before the "
                "tool takes it, or grow a layer file"
            )
        if twin := next((other for other in found if other < name and found[other] is tensor), None):
            raise InputError(f"{twin} and {name} are one tensor; give each its own, because their new rows differ")
    return found


def _module(old: PEER, layer: Layer) -> PEER:
    """A module of the grown layer, in the mode and with the flags of the old one."""
    new = PEER.from_layer(layer, device=old.keys.device).train(old.training)
    new.sparse_gradients = old.sparse_gradients
    if old.query_norm is not None and new.query_norm is not None:
        new.query_norm.process_group = old.query_norm.process_group
    for name, parameter in _parameters(new).items():
        parameter.requires_grad_(_parameters(old)[name].requires_grad)
    return new


def _grown_states(
    owner: torch.optim.Optimizer, pairs: dict[Tensor, tuple[str, Tensor]], new_n: int
) -> dict[Tensor, State]:
    """The state of each parameter of the module that an optimiser holds, moved to the places of the new one."""
    held = [param for group in owner.param_groups for param in group["params"] if param in pairs]
    if not held:
        raise InputError(
            f"this {type(owner).__name__} holds no parameter of the module; pass the optimisers that train it"
        )
    found = {}
    for param in held:
        name, new = pairs[param]
        state = owner.state.get(param, {})
        found[param] = {key: _moved(name, value, param, new, new_n) for key, value in state.items()}
    return found


def _moved(name: str, value: Any, old: Tensor, new: Tensor, new_n: int) -> Any:
    """A state with an entry for each sub-key or expert at their new places; any other as it is."""
    axes = 3 if name == "keys" else 1
    if old.shape == new.shape or not isinstance(value, Tensor) or value.shape[:axes] != old.shape[:axes]:
        return value
    return copied(to_tensor(with_room(name, to_array(value), new_n)), value.device)


def _take_over(
    owner: torch.optim.Optimizer, pairs: dict[Tensor, tuple[str, Tensor]], states: dict[Tensor, State]
) -> None:
    for group in owner.param_groups:
        group["params"] = [pairs[param][1] if param in pairs else param for param in group["params"]]
    for old, state in states.items():
        new = pairs[old][1]
        owner.state.pop(old, None)
        if state:
            owner.state[new] = state
        if isinstance(owner, Optimiser):
            owner.receive(new)
