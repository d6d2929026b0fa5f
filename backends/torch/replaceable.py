"""Whether a block can be taken out of a model, and everything that acts on it with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.nn.utils import parametrize

from peerspec.backends.torch.arrays import is_dtensor
from peerspec.backends.torch.module import PEER
from peerspec.files.shown import shown

__all__ = ["why_kept"]


def why_kept(name: str, matched: Mapping[str, nn.Module], modules: Mapping[str, nn.Module]) -> str:
    """Why a block must stay where it is, and what to do about it; empty if it may go.

    Args:
        name: the name of the block.
        matched: the blocks to replace, by all names that were matched.
        modules: all modules of the model, by all their names.

    Example:
        >>> model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
        >>> modules = dict(model.named_modules())
        >>> why_kept("1", {"1": modules["1"]}, modules)
        ''
    """
    block = modules[name]
    outer = [other for other in _above(name) if other in modules]
    if within := [other for other in outer if other in matched]:
        return f"it lies within {shown(within[0])}, which is to be replaced too; match one of them"
    if other_names := [other for other, module in modules.items() if module is block and other not in matched]:
        return f"it is also {shown(other_names[0])}, which was not matched; match both"
    if layers := [other for other in outer if isinstance(modules[other], PEER)]:
        return f"it is part of the PEER layer {shown(layers[-1])}; leave it out"
    if layers := [inner for inner, part in block.named_modules(prefix=name) if isinstance(part, PEER)]:
        return f"{shown(layers[0])} is a PEER layer already; leave it out"
    return next((reason for other in outer if (reason := _why_owned(modules[other]))), "") or _what_is_lost(name, block)


def _above(name: str) -> Iterator[str]:
    """The names of the modules around a module, the innermost first, and that of the model."""
    while name:
        name = name.rpartition(".")[0]
        yield name


def _why_owned(outer: nn.Module) -> str:
    """Why a module around the block needs it as it is."""
    if isinstance(outer, DistributedDataParallel):
        return "DistributedDataParallel holds its parameters; replace blocks before the model is wrapped"
    if isinstance(outer, nn.TransformerEncoderLayer):
        return (
            "TransformerEncoderLayer reads the weights of its parts and does not call them; build it with the layer as "
            "linear1, as docs/training.md does"
        )
    return ""


def _what_is_lost(name: str, block: nn.Module) -> str:
    """What a tool has done to a part of the block."""
    for inner, part in block.named_modules(prefix=name):
        for thing in _additions(part):
            return f"{shown(inner)} has {thing}, which would be lost; replace blocks first, or remove it before"
    return ""


def _additions(part: nn.Module) -> Iterator[str]:
    """What a module does not have when it is made."""
    for key, parameter in part.named_parameters(recurse=False):
        if is_dtensor(parameter):
            yield f"{key} split over several processes"
        if parameter._backward_hooks or getattr(parameter, "_post_accumulate_grad_hooks", None):
            yield f"a hook of {key}"
    if parametrize.is_parametrized(part):
        yield "a parametrization"
    if part._compiled_call_impl is not None:
        yield "a compiled forward"
    if "forward" in vars(part):
        yield "a forward of its own"
    yield from (key.strip("_") for key, hooks in vars(part).items() if key.endswith("_hooks") and hooks)
