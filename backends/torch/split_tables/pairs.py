"""The expert stage for tokens that select different numbers of rows here.

The kernels take as many pairs for each token. So the number of pairs of a token is split into powers of two, as a
binary number, and for each power one call takes the tokens that have it. No pair is computed twice, and none is added.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from peerspec.backends.torch.touched import Touched, touched_where

__all__ = ["Calls", "Pairs", "calls", "in_rectangle", "touched_by"]


class Pairs(NamedTuple):
    """The pairs of S tokens, one token after the other.

    Attributes:
        counts: [S], how many pairs each token has.
        ids: [P], the selected rows.
        gates: [P].
    """

    counts: Tensor
    ids: Tensor
    gates: Tensor


Calls = list[tuple[Tensor, Tensor]]
"""For each call the tokens [s], distinct, and the places [s, 2^b] of their pairs."""


def calls(counts: Tensor) -> Calls:
    """The calls that take each pair once."""
    starts = counts.cumsum(0) - counts
    found = []
    for bit in range(int(counts.max()).bit_length() if len(counts) else 0):
        (tokens,) = torch.nonzero(counts >> bit & 1, as_tuple=True)
        if len(tokens):
            before = counts[tokens] >> bit + 1 << bit + 1
            places = (starts[tokens] + before)[:, None] + torch.arange(1 << bit, device=counts.device)
            found.append((tokens, places))
    return found


def in_rectangle(counts: Tensor, width: int) -> Tensor:
    """The places [P] of the pairs in an array [S, width] that has the pairs of a token in one row."""
    tokens = torch.arange(len(counts), device=counts.device).repeat_interleave(counts)
    starts = (counts.cumsum(0) - counts).repeat_interleave(counts)
    return tokens * width + torch.arange(len(tokens), device=counts.device) - starts


def touched_by(ids: Tensor, places: Tensor, shape: Sequence[int], num_rows: int) -> Touched:
    """The pairs at these places of an array [S, width], sorted by row; at all other places there is no pair."""
    rectangle = ids.new_full((shape[0] * shape[1],), num_rows)
    rectangle[places] = ids
    return touched_where(rectangle.view(*shape), num_rows)
