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

__all__ = ["Receiver", "UpdateError", "receiver_of", "set_receiver"]

Receiver = Callable[[Tensor, FactoredRows], None]


class UpdateError(PeerError):
    """An update within the backward pass is not possible here."""


_receivers: MutableMapping[Tensor, WeakMethod[Receiver]] = WeakIdKeyDictionary()


def set_receiver(table: Tensor, receiver: Receiver) -> None:
    """Pass gradients of this parameter to ``receiver``, a method, instead of ``.grad``, as long as its object lives."""
    _receivers[table] = WeakMethod(receiver)


def receiver_of(table: Tensor) -> Receiver | None:
    """The receiver of this parameter, if it has one."""
    method = _receivers.get(table)
    return None if method is None else method()
