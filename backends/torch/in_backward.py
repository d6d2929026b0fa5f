"""The registry of optimisers that take the gradient of a table within the backward pass.

The layer reads it and the optimisers write it, so that neither imports the other.
"""

from __future__ import annotations

from collections.abc import Callable, MutableMapping, Sequence
from weakref import WeakMethod

from torch import Tensor
from torch.utils.weak import TensorWeakRef, WeakIdKeyDictionary

from peerspec.backends.torch.touched import FactoredRows
from peerspec.reference import PeerError

__all__ = [
    "Receiver",
    "UpdateError",
    "receiver_of",
    "set_receiver",
    "stands_for",
    "tables_with_receiver",
    "wanted_tables",
]

Receiver = Callable[[Tensor, FactoredRows], None]


class UpdateError(PeerError):
    """An update within the backward pass is not possible here."""


_receivers: MutableMapping[Tensor, WeakMethod[Receiver]] = WeakIdKeyDictionary()
_parameters: MutableMapping[Tensor, Callable[[], Tensor | None]] = WeakIdKeyDictionary()


def set_receiver(table: Tensor, receiver: Receiver) -> None:
    """Pass gradients of this parameter to ``receiver``, a method, instead of ``.grad``, as long as its object lives."""
    _receivers[table] = WeakMethod(receiver)


def tables_with_receiver(tables: Sequence[Tensor | None]) -> list[Tensor | None]:
    """The tables that have a receiver; None for all others.

    A saved tensor may come back as another tensor, which no optimiser knows. So keep these beside the saved ones.
    """
    return [table if table is not None and receiver_of(table) else None for table in tables]


def wanted_tables(
    with_receiver: Sequence[Tensor | None], saved: Sequence[Tensor | None], needed: Sequence[bool]
) -> list[Tensor | None]:
    """The tables whose gradients are needed: those with a receiver as it knows them, the others as they were saved."""
    tables = [own if own is not None else other for own, other in zip(with_receiver, saved, strict=True)]
    return [table if need else None for table, need in zip(tables, needed, strict=True)]


def stands_for(part: Tensor, parameter: Tensor) -> None:
    """Let the receiver of a parameter also receive gradients of this tensor, the part of it that this process has."""
    _parameters[part] = TensorWeakRef(parameter)


def receiver_of(table: Tensor) -> Receiver | None:
    """The receiver of this parameter, if it has one."""
    weak = _parameters.get(table)
    parameter = table if weak is None else weak()
    method = None if parameter is None else _receivers.get(parameter)
    receiver = None if method is None else method()
    if receiver is None or parameter is None or parameter is table:
        return receiver
    return lambda _, gradient: receiver(parameter, gradient)
