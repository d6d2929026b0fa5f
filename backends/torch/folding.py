"""``torch.vmap`` of an operator on tokens: a batch of calls over the same tables is one call with more tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor
from torch._library.custom_ops import CustomOpDef

__all__ = ["fold_batches"]


def fold_batches(operator: CustomOpDef, *, tokens: Sequence[int]) -> None:
    """Register the vmap rule of an operator; the first axis of all its results counts tokens.

    Args:
        operator: the operator.
        tokens: positions of the arguments whose first axis counts tokens. All others must be the same for the batch.
    """

    def rule(info: Any, in_dims: Sequence[int | None], *arguments: Any) -> tuple[Any, Any]:
        if any(axis is not None for position, axis in enumerate(in_dims) if position not in tokens):
            raise NotImplementedError(
                f"vmap of {operator} needs the same tables for the whole batch, got a batch of tables; "
                "call the layer once for each set of tables"
            )
        folded = list(arguments)
        for position in tokens:
            folded[position] = _folded(arguments[position], in_dims[position], info.batch_size)
        return _unfolded(operator(*folded), info.batch_size)

    operator.register_vmap(rule)


def _folded(tensor: Tensor, axis: int | None, count: int) -> Tensor:
    batch = tensor.expand(count, *tensor.shape) if axis is None else tensor.movedim(axis, 0)
    return batch.flatten(0, 1)


def _unfolded(result: Tensor | tuple[Tensor, ...], count: int) -> tuple[Any, Any]:
    if isinstance(result, Tensor):
        return result.view(count, result.shape[0] // count, *result.shape[1:]), 0
    return tuple(_unfolded(part, count)[0] for part in result), (0,) * len(result)
