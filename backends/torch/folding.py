"""``torch.vmap`` of an operator on tokens: a batch of calls over the same tables is one call with more tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch._library.custom_ops import CustomOpDef
from torch._ops import OpOverload

__all__ = ["fold_batches"]


def fold_batches(operator: CustomOpDef | OpOverload, *, tokens: Sequence[int]) -> None:
    """Register the vmap rule of an operator; the first axis of all its results counts tokens.

    Args:
        operator: the operator.
        tokens: positions of the arguments whose first axis counts tokens. Where another differs within the batch, the
            calls run one after another.
    """

    def rule(info: Any, in_dims: Sequence[int | None], *arguments: Any) -> tuple[Any, Any]:
        if any(axis is not None for position, axis in enumerate(in_dims) if position not in tokens):
            return _one_after_another(operator, in_dims, arguments, info.batch_size)
        folded = list(arguments)
        for position in tokens:
            folded[position] = _folded(arguments[position], in_dims[position], info.batch_size)
        return _unfolded(operator(*folded), info.batch_size)

    torch.library.register_vmap(operator, rule)


def _one_after_another(operator: Any, in_dims: Sequence[int | None], arguments: Any, count: int) -> tuple[Any, Any]:
    def call(i: int) -> Any:
        return operator(
            *(each if axis is None else each.select(axis, i) for each, axis in zip(arguments, in_dims, strict=True))
        )

    found = [call(i) for i in range(count)]
    if isinstance(found[0], Tensor):
        return torch.stack(found), 0
    return tuple(map(torch.stack, zip(*found, strict=True))), (0,) * len(found[0])


def _folded(tensor: Tensor, axis: int | None, count: int) -> Tensor:
    batch = tensor.expand(count, *tensor.shape) if axis is None else tensor.movedim(axis, 0)
    return batch.flatten(0, 1)


def _unfolded(result: Tensor | tuple[Tensor, ...], count: int) -> tuple[Any, Any]:
    if isinstance(result, Tensor):
        return result.view(count, result.shape[0] // count, *result.shape[1:]), 0
    return tuple(_unfolded(part, count)[0] for part in result), (0,) * len(result)
