"""The registry of optimisers that take the gradient of a table within the backward pass.

The layer reads it and the optimisers write it, so that neither imports the other.
"""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from weakref import WeakMethod

from torch import Tensor
from torch.utils.weak import WeakIdKeyDictionary

from peerspec.backends.torch.touched import FactoredRows
from peerspec.reference import PeerError

__all__ = ["Taker", "UpdateError", "set_taker", "taker_of"]

Taker = Callable[[Tensor, FactoredRows], None]


class UpdateError(PeerError):
    """An update within the backward pass is not possible here."""


_takers: MutableMapping[Tensor, WeakMethod[Taker]] = WeakIdKeyDictionary()


def set_taker(table: Tensor, taker: Taker) -> None:
    """Pass gradients of this parameter to ``taker``, a method, instead of ``.grad``, as long as its object lives."""
    _takers[table] = WeakMethod(taker)


def taker_of(table: Tensor) -> Taker | None:
    """The taker of this parameter, if it has one."""
    method = _takers.get(table)
    return None if method is None else method()
