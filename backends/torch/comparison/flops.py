"""What ``torch.utils.flop_counter`` counts for the operators of chapter 15: the products of CMP-7."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import torch
from torch.utils.flop_counter import register_flop_formula

import peerspec.backends.torch.comparison.product
import peerspec.backends.torch.comparison.value_sum  # noqa: F401 - define the operators

Shape = Sequence[int]
_operators = torch.ops.peerspec


@register_flop_formula(_operators.batched_product)
def _(a: Shape, b: Shape, **_: Any) -> int:
    return 2 * prod(a) * b[2]


@register_flop_formula((_operators.value_sum, _operators.value_products))
def _(values: Shape, ids: Shape, *_: Any, **__: Any) -> int:
    """A product of a row and a number, or of a row and a token, for each pair."""
    return 2 * prod(ids) * values[1]
