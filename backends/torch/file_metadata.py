"""The metadata that describe the PEER layers of a torch model (PAR-8)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import NoReturn

from torch import Tensor, nn

from peerspec.backends.torch.arrays import TORCH_DTYPES, parameter_dtype
from peerspec.backends.torch.module import PEER
from peerspec.backends.torch.module_names import modules_of
from peerspec.files.shown import shown
from peerspec.reference import FileFormError, PeerConfig, TableError
from peerspec.reference import layers_metadata as metadata_of
from peerspec.reference.validation import check_shapes

__all__ = ["layers_metadata"]


def layers_metadata(model: nn.Module) -> dict[str, str]:
    """The metadata of a safetensors file of ``model``, so that readers find its PEER layers (PAR-8).

    A layer that the model holds under several names is described under the one that ``save_model`` keeps.

    Args:
        model: a module that contains ``PEER`` modules; to save a single one use ``PEER.save``.

    Raises:
        FileFormError: the model contains no ``PEER`` module, is one itself, or has one within another; or its state
            dict does not hold a layer as PAR-8 says, because a tensor is renamed, added, of another shape or dtype, or
            shared with another layer or module.

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
    for name, module in modules_of(model).items():
        if isinstance(module, PEER):
            names.setdefault(module, []).append(name)
    metadata = metadata_of({min(prefixes, key=_first_kept): layer.config for layer, prefixes in names.items()})
    tensors = {name: tensor for name, tensor in model.state_dict().items() if isinstance(tensor, Tensor)}
    groups = _by_storage(tensors)
    for layer, prefixes in names.items():
        for prefix in prefixes:
            _check_parameters(prefix, layer.config, tensors)
        for parameter in layer.config.shapes():
            _check_unshared({f"{prefix}.{parameter}": prefix for prefix in prefixes}, parameter, groups)
    return metadata


def _first_kept(prefix: str) -> str:
    """``save_model`` keeps the first of several names of a tensor in this order."""
    return f"{prefix}."


def _check_parameters(prefix: str, config: PeerConfig, tensors: Mapping[str, Tensor]) -> None:
    own = {name.removeprefix(f"{prefix}."): each for name, each in tensors.items() if name.startswith(f"{prefix}.")}
    try:
        check_shapes(config, {name: tuple(tensor.shape) for name, tensor in own.items()})
    except TableError as error:
        _refuse(prefix, str(error))
    dtype = own["keys"].dtype
    for name, tensor in own.items():
        if dtype not in TORCH_DTYPES.values() or tensor.dtype != parameter_dtype(name, dtype):
            _refuse(prefix, f"{name} has dtype {tensor.dtype}, keys have {dtype} (PAR-5)")


def _check_unshared(prefixes: Mapping[str, str], parameter: str, groups: Mapping[str, Mapping[str, Tensor]]) -> None:
    """Refuse memory that another tensor shares, because ``save_model`` writes only one of them.

    Args:
        prefixes: the prefix of the layer in each name of the parameter.
        parameter: the name of PAR-1.
        groups: for each name of a tensor, the tensors of the same storage by name.
    """
    name = min(prefixes)
    for other, tensor in groups[name].items():
        if other not in prefixes and _overlap(groups[name][name], tensor):
            _refuse(prefixes[name], f"{parameter} shares its memory with {shown(other)} (PAR-8)")


def _by_storage(tensors: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """For each name, the tensors of the same storage by name."""
    groups: dict[tuple[str, int], dict[str, Tensor]] = defaultdict(dict)
    for name, tensor in tensors.items():
        groups[str(tensor.device), tensor.untyped_storage().data_ptr()][name] = tensor
    return {name: group for group in groups.values() for name in group}


def _refuse(prefix: str, reason: str) -> NoReturn:
    raise FileFormError(
        f"the layer {shown(prefix)} cannot be described: {reason}; undo that in a copy of the model, or save the layer "
        "with PEER.save"
    )


def _overlap(a: Tensor, b: Tensor) -> bool:
    """Whether some numbers of both, of the same storage, lie at the same place."""
    (start, stop), (other_start, other_stop) = _span(a), _span(b)
    return start < other_stop and other_start < stop


def _span(tensor: Tensor) -> tuple[int, int]:
    """The addresses of the first byte and behind the last one; equal without numbers, as on the device meta."""
    if not tensor.numel() or tensor.is_meta:
        return 0, 0
    last = sum((length - 1) * stride for length, stride in zip(tensor.shape, tensor.stride(), strict=True))
    return tensor.data_ptr(), tensor.data_ptr() + (last + 1) * tensor.element_size()
