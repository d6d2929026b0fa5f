"""A target: one kind of file or message of others, and the ways in which the package reads it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from peerspec.reference import PeerError
from tests.fuzz.inputs import Input

__all__ = ["Target", "Way", "command"]


@dataclass(frozen=True)
class Way:
    """One way in which an input is read.

    Attributes:
        name: its name in findings.
        read: reads the file; a command returns its exit status.
        every: one of so many inputs is read in this way.
        errors: what it may raise by its docstring.
        changes: whether it may change the file.
        arguments: those of the command that does the same, if there is one.
    """

    name: str
    read: Callable[[Path], int | None]
    every: int = 1
    errors: tuple[type[BaseException], ...] = (PeerError,)
    changes: bool = False
    arguments: Callable[[Path], Sequence[str]] | None = None


@dataclass(frozen=True)
class Target:
    """One kind of input.

    Attributes:
        name: its name.
        suffix: that of its files.
        seeds: valid inputs.
        mutate: changes one of them in its structure.
        ways: how it is read.
        prepare: puts other files into the folder of the input.
    """

    name: str
    suffix: str
    seeds: Callable[[], Sequence[bytes]]
    mutate: Callable[[Random, bytes], Input]
    ways: tuple[Way, ...]
    prepare: Callable[[Path], None] = lambda folder: None

    def way(self, name: str) -> Way:
        """The way of that name."""
        return next(way for way in self.ways if way.name == name)


def command(name: str, arguments: Callable[[Path], Sequence[str]], *, every: int = 1) -> Way:
    """A command of the package, run in the process of the reader."""

    def read(path: Path) -> int:
        from peerspec.cli import main

        return main(list(arguments(path)))

    return Way(f"peerspec {name}", read, every, errors=(), arguments=arguments)
