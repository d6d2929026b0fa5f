"""Which optimiser takes the gradient of a table as soon as the backward pass has it."""

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
    """An update within the backward pass was asked for what it cannot do."""


_takers: MutableMapping[Tensor, WeakMethod[Taker]] = WeakIdKeyDictionary()


def set_taker(table: Tensor, taker: Taker) -> None:
    """From now on hand the gradient of this parameter to ``taker``, while its owner lives, and not to ``.grad``."""
    _takers[table] = WeakMethod(taker)


def taker_of(table: Tensor) -> Taker | None:
    """The taker of this parameter, if it has one."""
    method = _takers.get(table)
    return None if method is None else method()
