"""What a backend got and returned in its last calls, as it is, with copies: a later call must not change it (IND-4)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerspec.conformance.hosts.arguments import same_bits

__all__ = ["CALLS", "Changed", "Memory"]

Array = NDArray[Any]

Parts = Mapping[str, tuple[Callable[[], Any], Array]]

CALLS, BYTES = 8, 1 << 24
"""The calls that are kept, and the bytes of all but the last; buffers that are used in turn are two or three."""
MORE_CALLS, FEWER_BYTES = 40, 1 << 19
"""The results of more calls, as long as they are small: some programs use a ring of buffers."""


@dataclass(frozen=True)
class Changed:
    """A part of an earlier call that changed after it returned.

    Attributes:
        method: the method of the earlier call.
        part: the part: an input, or a part of the result.
        given: whether it is an input.
    """

    method: str
    part: str
    given: bool


@dataclass(frozen=True, eq=False)
class _Kept:
    """How to read the part where the backend has it, and a copy of its array made when the call returned."""

    what: Changed
    read: Callable[[], Any]
    copy: Array

    @property
    def changed(self) -> bool:
        """Whether the object has other bits now, or none that can be read."""
        try:
            return not same_bits(np.asarray(self.read()), self.copy)
        except Exception:
            return True

    def lies_in(self, places: Collection[Array]) -> bool:
        """Whether it may share memory with one of the arrays."""
        try:
            array = np.asarray(self.read())
        except Exception:
            return True
        return any(np.may_share_memory(array, place) for place in places)


class Memory:
    """The last calls of one backend, in the process in which it runs."""

    def __init__(self) -> None:
        self._calls: deque[list[_Kept]] = deque(maxlen=MORE_CALLS)

    def keep(self, method: str, results: Parts, inputs: Parts) -> None:
        """Remember a call: how each part is read where the backend has it, and a copy that nobody else has."""
        self._calls.append(
            [
                _Kept(Changed(method, name, given), read, copy)
                for given, parts in ((False, results), (True, inputs))
                for name, (read, copy) in parts.items()
            ]
        )
        if len(self._calls) > CALLS:
            old = self._calls[-CALLS - 1]
            old[:] = [kept for kept in old if not kept.what.given]
        while len(self._calls) > 1 and self._size() > (BYTES if len(self._calls) <= CALLS else FEWER_BYTES):
            self._calls.popleft()

    def changed(self) -> tuple[Changed, ...]:
        """What changed since the last question; it is then forgotten, so that it is reported once."""
        found: list[Changed] = []
        for call in self._calls:
            moved = [kept for kept in call if kept.changed]
            found += [kept.what for kept in moved]
            call[:] = [kept for kept in call if kept not in moved]
        return tuple(dict.fromkeys(found))

    def release(self, places: Mapping[str, Array]) -> None:
        """Forget what lies in these arrays, which the suite is about to change itself."""
        for call in self._calls:
            call[:] = [kept for kept in call if not kept.lies_in(places.values())]

    def _size(self) -> int:
        """The bytes of all calls but the last."""
        return sum(kept.copy.nbytes for call in list(self._calls)[:-1] for kept in call)
