"""Adapters beside linear maps of an existing model, and the model without them again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import torch
from torch import nn

from peerspec.backends.torch.adapter.adaptable import why_not_adapted
from peerspec.backends.torch.adapter.adapted import AdaptedLinear
from peerspec.backends.torch.adapter.module import PEERAdapter
from peerspec.backends.torch.adapter.of_model import adapter_parameters
from peerspec.backends.torch.adapter.sharing import share_no_more, share_routings
from peerspec.backends.torch.arrays import COMPUTE_DTYPES
from peerspec.backends.torch.module_names import Where, matching, modules_of, of_class
from peerspec.files.shown import shown
from peerspec.reference import AdapterConfig, InputError, TableError

__all__ = ["Group", "add_adapters", "linear_maps", "only_adapters_learn", "put_beside", "remove_adapters"]

T = TypeVar("T")


def add_adapters(
    model: nn.Module,
    where: Where,
    *,
    heads: int,
    num_experts: int,
    top_k: int,
    d_key: int,
    rank: int = 1,
    alpha: float = 1.0,
    query_bias: bool = False,
    key_heads: int = 1,
    gate: str = "softmax",
    query_norm: str = "none",
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
    sparse_gradients: bool = False,
    freeze: bool = True,
) -> list[str]:
    """Put new adapters beside linear maps of a model, in place. A new adapter adds nothing until it has learned.

    The linear maps that one call names in one module, and that read one width, share an adapter: its targets are called
    as they are there. Targets that read the same tensor in one call of that module, as those of query, key and value of
    an attention do, share one routing, which is computed once. For another input it is computed anew, so name linear
    maps that read something else, such as that of the output, in a call of their own.

    Do it before optimisers, ``fully_shard``, ``DistributedDataParallel`` and checkpoints of the model see it, and after
    its weights are loaded: the weight of ``q_proj`` is then ``q_proj.base.weight``.

    Args:
        model: the model; it is no linear map itself.
        where: which linear maps, as for ``replace_ffn``: ``["q_proj", "k_proj", "v_proj"]``, for example.
        heads, num_experts, top_k, d_key, rank, alpha, query_bias, key_heads, gate, query_norm: as for
            ``AdapterConfig``.
        device, dtype: of the parameters of adapters, as for ``PEER``. Default: those of the weights. An adapter of
            float32 beside weights of bfloat16 learns more precisely.
        sparse_gradients: as for ``PEERAdapter``.
        freeze: whether all other parameters of the model stop to require gradients. Those of the linear maps always do
            (ADP-5).

    Returns:
        The names of the linear maps, in the order of ``model.named_modules()``.

    Raises:
        InputError: ``where``, or a pattern of it, matches nothing. Or it matches what is no ``nn.Linear``; has an
            adapter already; has several names; is part of a PEER layer or of an adapter; is split over several
            processes; or lies in a ``DistributedDataParallel``, or in a module of torch that does not call it. Or the
            linear maps of one adapter have several devices or dtypes. Then no adapter was added.
        ConfigError: a configuration outside ADP-1.
        TableError: another dtype.

    Example:
        >>> from peerspec.backends.torch import adapter_state_dict, peer_adapters
        >>> attention = lambda: nn.ModuleDict({name: nn.Linear(8, 8) for name in ("q", "k", "v", "out")})
        >>> model = nn.ModuleList(attention() for _ in range(2))
        >>> add_adapters(model, ["q", "v"], heads=2, num_experts=16, top_k=4, d_key=4, rank=2)
        ['0.q', '0.v', '1.q', '1.v']
        >>> len(peer_adapters(model)), all("adapter" in name for name in adapter_state_dict(model))
        (2, True)
    """
    options = {"query_bias": query_bias, "key_heads": key_heads, "gate": gate, "query_norm": query_norm}
    sizes = {"heads": heads, "num_experts": num_experts, "top_k": top_k, "d_key": d_key}

    def config(width: int, targets: Mapping[str, int]) -> AdapterConfig:
        settings: Any = sizes | options
        return AdapterConfig(width, targets=targets, rank=rank, alpha=alpha, **settings)

    names = list(matching(model, where))
    groups = [
        _group(model, targets, config(width, _widths(model, targets)), device, dtype)
        for (_, width), targets in _targets(model, names).items()
    ]
    for group in groups:
        adapter = PEERAdapter(group.config, device=group.device, dtype=group.dtype, sparse_gradients=sparse_gradients)
        put_beside(model, group, adapter)
    if freeze:
        only_adapters_learn(model)
    return names


def remove_adapters(model: nn.Module) -> list[str]:
    """Put the linear maps back as they were, in place, and forget their adapters.

    The parameters of the linear maps are the same objects, and require gradients where they did; what ``freeze`` did to
    others stays.

    Returns:
        The names of the linear maps.

    Example:
        >>> model = nn.Sequential(nn.Linear(8, 8), nn.ReLU())
        >>> linear = model[0]
        >>> names = add_adapters(model, "0", heads=2, num_experts=16, top_k=4, d_key=4)
        >>> remove_adapters(model), model[0] is linear
        (['0'], True)
    """
    modules, found = modules_of(model), of_class(model, AdaptedLinear)
    for name, adapted in found.items():
        parent, _, leaf = name.rpartition(".")
        setattr(modules[parent], leaf, adapted.base_again())
    for module in modules.values():
        share_no_more(module)
    return list(found)


def only_adapters_learn(model: nn.Module) -> None:
    """Let nothing require gradients but parameters of adapters that do."""
    learning = set(adapter_parameters(model))
    for parameter in model.parameters():
        parameter.requires_grad_(parameter.requires_grad and parameter in learning)


class Group(NamedTuple):
    """Linear maps of a model that share an adapter.

    Attributes:
        names: the qualified name of each, by the name of its target.
        config: the configuration of the adapter.
        device, dtype: of its parameters.
    """

    names: Mapping[str, str]
    config: AdapterConfig
    device: torch.device | str
    dtype: torch.dtype


def linear_maps(model: nn.Module, names: Sequence[str]) -> dict[str, nn.Linear]:
    """The linear maps of these names, which can get an adapter.

    Raises:
        InputError: one cannot.
    """
    modules = modules_of(model)
    for name in names:
        if reason := why_not_adapted(name, modules):
            raise InputError(f"{shown(name)} cannot get an adapter: {reason}")
    return {name: module for name in names if isinstance(module := modules[name], nn.Linear)}


def put_beside(model: nn.Module, group: Group, adapter: PEERAdapter) -> None:
    """Put an adapter beside the linear maps of a group."""
    for target, name in group.names.items():
        parent, leaf = _parent(model, name)
        base: Any = getattr(parent, leaf)
        owns = target == next(iter(group.names))
        adapted = AdaptedLinear(base, adapter.train(base.training), target, owns=owns).train(base.training)
        setattr(parent, leaf, adapted)
        if (caller := _caller(model, name)) is not None:
            share_routings(caller)


def _targets(model: nn.Module, names: Sequence[str]) -> dict[tuple[str, int], dict[str, str]]:
    """The names of linear maps by the names of targets, for each parent and width of the input."""
    groups: dict[tuple[str, int], dict[str, str]] = {}
    for name, linear in linear_maps(model, names).items():
        parent, _, leaf = name.rpartition(".")
        groups.setdefault((parent, linear.in_features), {})[leaf] = name
    return groups


def _widths(model: nn.Module, targets: Mapping[str, str]) -> dict[str, int]:
    maps = linear_maps(model, list(targets.values()))
    return {target: maps[name].out_features for target, name in targets.items()}


def _group(
    model: nn.Module,
    targets: Mapping[str, str],
    config: AdapterConfig,
    device: torch.device | str | None,
    dtype: torch.dtype | None,
) -> Group:
    weights = [linear.weight for linear in linear_maps(model, list(targets.values())).values()]
    name = next(iter(targets.values()))
    device = _only(name, "device", [weight.device for weight in weights]) if device is None else device
    dtype = _only(name, "dtype", [weight.dtype for weight in weights]) if dtype is None else dtype
    if dtype not in COMPUTE_DTYPES:
        raise TableError(
            f"the adapter of {shown(name)} must be of dtype {', '.join(map(str, COMPUTE_DTYPES))}, got {dtype}; pass "
            "dtype (PAR-5)"
        )
    return Group(targets, config, device, dtype)


def _only(name: str, word: str, values: list[T]) -> T:
    """What all weights of a group have."""
    if len(found := set(values)) != 1:
        names = ", ".join(sorted(map(str, found)))
        raise InputError(f"the linear maps beside {shown(name)} have no common {word}, but {names}; pass {word}")
    return values[0]


def _parent(model: nn.Module, name: str) -> tuple[nn.Module, str]:
    parent, _, leaf = name.rpartition(".")
    return model.get_submodule(parent), leaf


def _caller(model: nn.Module, name: str) -> nn.Module | None:
    """The module whose forward calls the linear map: the innermost one around it that has a forward."""
    while name:
        name = name.rpartition(".")[0]
        module = model.get_submodule(name)
        if not isinstance(module, nn.ModuleList | nn.ModuleDict):
            return module
    return None
