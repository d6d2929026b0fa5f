"""Signals that would end a process at once: here they end it in order, with what it had started and opened."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

__all__ = ["Ended", "ending_in_order"]

_NAMES = ("SIGTERM", "SIGHUP")


class Ended(BaseException):
    """A signal ended the command.

    Attributes:
        number: the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = signal.Signals(number)


@contextmanager
def ending_in_order() -> Iterator[None]:
    """Raise ``Ended`` at these signals, except where they are ignored, as by ``nohup``, or a caller handles them."""
    found = [number for name in _NAMES if (number := getattr(signal, name, None))]
    ours = [number for number in found if signal.getsignal(number) is signal.SIG_DFL]
    if threading.current_thread() is not threading.main_thread():  # only the main thread may set a handler
        ours = []
    for number in ours:
        signal.signal(number, _raise)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


def _raise(number: int, frame: FrameType | None) -> NoReturn:
    raise Ended(number)
