"""Python files of backends that fail in every way while they are imported or asked for their contract."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random

from peerspec.backends import BackendError, load
from tests.fuzz.inputs import Input
from tests.fuzz.mutate import hostile_text, mutate_bytes
from tests.fuzz.target import Target, Way, command

__all__ = ["TARGET"]

RIGHT = "name, profiles = 'liar', ['float32']\ndef forward(layer, x, **options):\n    raise ValueError('no')\n"
EXCEPTIONS = (
    "Exception",
    "ValueError",
    "ImportError",
    "BaseException",
    "SystemExit",
    "GeneratorExit",
    "OSError",
)
BODIES = (
    "raise E",
    "raise E({text!r})",
    "raise E from E()",
    "def f():\n    f()\nf()",
    "class B(E):\n    def __str__(self):\n        raise E\nraise B",
    "class B(E):\n    def __str__(self):\n        return None\nraise B",
    "class B(E):\n    __str__ = __repr__ = None\nraise B",
    "raise type({text!r}.replace(chr(0), ''), (E,), {{}})({text!r})",
    "raise E('x' * 10**7)",
    "raise ExceptionGroup({text!r}, [ValueError(1)])",
    "def __getattr__(name):\n    raise E({text!r})",
    "profiles = None",
    "profiles = [1]",
    "profiles = [{text!r}]",
    "class P:\n    def __iter__(self):\n        raise E\nprofiles = P()",
    "class N:\n    def __str__(self):\n        raise E\nname = N()",
    "name = {text!r}",
    "name = None",
    "forward = None",
    "del forward",
)


def seeds() -> Sequence[bytes]:
    return [RIGHT.encode()]


def mutate(rng: Random, data: bytes) -> Input:
    if rng.random() < 0.1:
        return mutate_bytes(rng, data)
    body = rng.choice(BODIES).format(text=hostile_text(rng, "liar"))
    text = f"E = {rng.choice(EXCEPTIONS)}\n{body}\n"
    return Input(data + text.encode("utf-8", "backslashreplace"))


def read(path: Path) -> None:
    load(str(path))


TARGET = Target(
    "backends",
    ".py",
    seeds,
    mutate,
    (Way("load", read, errors=(BackendError,)), command("smoke", lambda path: ["smoke", str(path)], every=20)),
)
