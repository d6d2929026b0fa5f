"""Changes of bytes that know nothing of their meaning, and the values that are put into a structure."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from tests.fuzz.inputs import Input

__all__ = ["DEEP", "NUMBERS", "TEXTS", "hostile_text", "mutate_bytes"]

DEEP = 20_000
"""Levels of nesting: more than a parser that calls itself can take."""
NUMBERS = (0, 1, -1, 2, 3, 127, 255, -(2**31), 2**31, 2**32, 2**53 + 1, 2**62, 2**63 - 1, -(2**63), 10**30)
TEXTS = (
    "",
    ".",
    "..",
    "/",
    "../../etc/passwd",
    "/dev/zero",
    "a\0b",
    "\x1b[31mred\x1b[0m\x07",
    "two\r\nlines",
    "\ud800",
    "\u202e",
    "é" * 300,
    "a" * 70_000,
    "9" * 5000,
    "NaN",
    "Infinity",
    "-1",
    "{}",
    "[",
    "%s{0}{name}",
)
_TOKENS = (
    b"\0",
    b"\xff",
    b"\n",
    b'"',
    b"\\u0000",
    b"\\ud800",
    b"\x1b[2J",
    b"{",
    b"}",
    b"[" * DEEP,
    b"9" * 5000,
    b"1e999",
)


def hostile_text(rng: Random, old: str = "") -> str:
    """A text that a reader may not expect."""
    chosen = rng.choice(TEXTS)
    return rng.choice((chosen, old + chosen, chosen + old, old[: rng.randint(0, len(old))], old.upper()))


def mutate_bytes(rng: Random, data: bytes, others: Sequence[bytes] = ()) -> Input:
    """A few changes of single places."""
    found = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4, 8))):
        _change(rng, found, others)
    size = len(found) + rng.choice((1, 4096, 1 << 30, 1 << 36)) if rng.random() < 0.03 else 0
    return Input(bytes(found), size)


def _change(rng: Random, data: bytearray, others: Sequence[bytes]) -> None:
    start = rng.randint(0, len(data))
    stop = min(len(data), start + rng.choice((1, 1, 2, 8, 64, 1000)))
    kind = rng.randrange(6)
    if kind == 0 and start < len(data):
        data[start] ^= 1 << rng.randrange(8)
    elif kind == 1:
        data[start:stop] = b""
    elif kind == 2:
        data[start:start] = rng.choice(_TOKENS)
    elif kind == 3:
        data[start:start] = data[start:stop] * rng.choice((1, 2, 50))
    elif kind == 4:
        data[start:stop] = rng.randbytes(stop - start)
    elif others:
        other = rng.choice(others)
        data[start:] = other[rng.randint(0, len(other)) :]
