"""Files of the adapters of a model, without the model."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from os import PathLike
from typing import Any

import torch
from torch import Tensor, nn

from peerspec.backends.torch.adapter.adapted import AdaptedLinear
from peerspec.backends.torch.adapter.adding import Group, linear_maps, only_adapters_learn, put_beside
from peerspec.backends.torch.adapter.module import PEERAdapter
from peerspec.backends.torch.adapter.of_model import peer_adapters
from peerspec.backends.torch.arrays import is_dtensor
from peerspec.backends.torch.module_names import modules_of, of_class
from peerspec.files.shown import shown
from peerspec.reference import Adapter, FileFormError, InputError, TableError
from peerspec.reference.adapter_files import AdapterFile, PlacedAdapter, read_adapters, write_adapters

__all__ = ["hash_of_base", "load_adapters", "save_adapters"]


def save_adapters(model: nn.Module, path: str | PathLike[str], *, overwrite: bool = False) -> None:
    """Write the adapters of a model to a safetensors file, whole or not at all; the model is not written.

    The file says for which linear maps the adapters are, and has the SHA-256 of their weights, so that
    ``load_adapters`` refuses another model.

    Args:
        model: a model to which ``add_adapters`` or ``load_adapters`` gave adapters.
        path: the file to write.
        overwrite: whether an existing file is replaced.

    Raises:
        InputError: the model has no adapter, or one tensor in two places of adapters.
        FileFormError: the path exists and ``overwrite`` is false, or cannot be written.
        TableError: a parameter is not finite, has no values, or is split over several processes.

    Example:
        >>> from peerspec.backends.torch import add_adapters
        >>> model = nn.Sequential(nn.Linear(8, 8), nn.ReLU())
        >>> names = add_adapters(model, "0", heads=2, num_experts=16, top_k=4, d_key=4)
        >>> save_adapters(model, "adapters.safetensors")
        >>> load_adapters(nn.Sequential(model[0].base, nn.ReLU()), "adapters.safetensors")
        ['0']
    """
    adapters = peer_adapters(model)
    if not adapters:
        raise InputError(f"this {type(model).__name__} has no adapters to write; call add_adapters first")
    places = _places(model, adapters)
    maps = {name: module.base for name, module in of_class(model, AdaptedLinear).items()}
    placed = {prefix: PlacedAdapter(_checked(prefix, adapter), places[prefix]) for prefix, adapter in adapters.items()}
    write_adapters(AdapterFile(placed, hash_of_base(maps)), path, overwrite=overwrite)


def load_adapters(
    model: nn.Module,
    path: str | PathLike[str],
    *,
    device: torch.device | str | None = None,
    sparse_gradients: bool = False,
    freeze: bool = True,
) -> list[str]:
    """Put the adapters of a file beside the linear maps of a model, in place.

    Args:
        model: a model without adapters, whose linear maps have the names, dtypes and bits that they had when the file
            was written.
        path: a file of ``save_adapters``.
        device: of the parameters of adapters. Default: that of the weights.
        sparse_gradients, freeze: as for ``add_adapters``.

    Returns:
        The names of the linear maps.

    Raises:
        FileFormError: the file is missing, unreadable, corrupted or of another version; or its adapters were trained
            beside other weights.
        ConfigError, TableError: a configuration or a parameter of the file is outside ADP-1.
        InputError: the model lacks a linear map of the file, or it cannot get an adapter. Then no adapter was added.

    Example:
        >>> load_adapters(model, "adapters.safetensors")  # doctest: +SKIP
    """
    file = read_adapters(path)
    names = [place for each in file.adapters.values() for place in each.places.values()]
    present = modules_of(model)
    if missing := [name for name in names if name not in present]:
        raise InputError(
            f"{path} has an adapter for {shown(missing[0])}, and this {type(model).__name__} has no module of that "
            "name; load it into the model whose adapters were written"
        )
    maps = linear_maps(model, names)
    if (found := hash_of_base(maps)) != file.base:
        raise FileFormError(
            f"the adapters in {path} were trained beside other weights, with the hash {file.base[:19]}…, and those of "
            f"this {type(model).__name__} have {found[:19]}…; load the weights beside which they were trained"
        )
    for prefix, each in file.adapters.items():
        _check_widths(prefix, each, maps, path)
    for each in file.adapters.values():
        weight = maps[next(iter(each.places.values()))].weight
        adapter = PEERAdapter.from_adapter(each.adapter, device=weight.device if device is None else device)
        adapter.sparse_gradients = sparse_gradients
        put_beside(model, Group(each.places, adapter.config, adapter.keys.device, adapter.keys.dtype), adapter)
    if freeze:
        only_adapters_learn(model)
    return names


def hash_of_base(maps: Mapping[str, nn.Linear]) -> str:
    """SHA-256 over the names, dtypes, shapes and bytes of the weights and biases of linear maps, in order of names.

    Raises:
        TableError: one is split over several processes, or has no values.

    Example:
        >>> hash_of_base({"q": nn.Linear(2, 3)})[:7]
        'sha256:'
    """
    digest = hashlib.sha256()
    for name in sorted(maps):
        for leaf in ("weight", "bias"):
            tensor: Tensor | None = getattr(maps[name], leaf)
            if tensor is None:
                continue
            if is_dtensor(tensor) or tensor.is_meta:
                state = "lies on the device meta" if tensor.is_meta else "is split over several processes"
                raise TableError(f"{name}.{leaf} {state}, so its bytes have no hash here; use the whole model")
            said = f"{name}.{leaf} {str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}\n"
            digest.update(said.encode())
            flat = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
            array: Any = flat.numpy()
            digest.update(array)
    return f"sha256:{digest.hexdigest()}"


def _places(model: nn.Module, adapters: Mapping[str, PEERAdapter]) -> dict[str, dict[str, str]]:
    """For each adapter the name of the linear map of each target."""
    names = {adapter: prefix for prefix, adapter in adapters.items()}
    found: dict[str, dict[str, str]] = {prefix: {} for prefix in adapters}
    for name, module in of_class(model, AdaptedLinear).items():
        found[names[module.shared_adapter]][module.target] = name
    for prefix, adapter in adapters.items():
        if lost := [target for target in adapter.config.targets if target not in found[prefix]]:
            raise InputError(
                f"the adapter {shown(prefix)} has the target {shown(lost[0])}, and no linear map of the model uses it; "
                "write the model to which add_adapters gave it"
            )
    return found


def _checked(prefix: str, adapter: PEERAdapter) -> Adapter:
    """The adapter of the reference; an error says which adapter of the model it is of."""
    for name, parameter in adapter.named_parameters():
        if is_dtensor(parameter):
            raise TableError(
                f"{shown(prefix)}: {name} is split over several processes; write adapters of a whole model"
            )
    try:
        return adapter.to_adapter()
    except TableError as error:
        raise TableError(f"{shown(prefix)}: {error}") from None


def _check_widths(prefix: str, each: PlacedAdapter, maps: Mapping[str, nn.Linear], path: object) -> None:
    config = each.adapter.config
    for target, name in each.places.items():
        wanted, linear = (config.d_model, config.targets[target]), maps[name]
        if (got := (linear.in_features, linear.out_features)) != wanted:
            raise FileFormError(
                f"{path}: the adapter {shown(prefix)} maps width {wanted[0]} to {wanted[1]} for {shown(name)}, which "
                f"maps {got[0]} to {got[1]}; pass a file written by save_adapters"
            )
