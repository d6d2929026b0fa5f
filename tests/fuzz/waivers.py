"""Files of waivers, in TOML."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random

from peerspec.cli.waivers import read_waivers
from peerspec.reference import PeerError
from tests.fuzz.inputs import Input
from tests.fuzz.mutate import DEEP, mutate_bytes
from tests.fuzz.target import Target, Way, command

__all__ = ["TARGET"]

ONE = '[[waiver]]\ncheck = "gates.softmax"\nreason = "known"\nurl = "https://example.org/1"\n'
VALUES = (
    "[" * DEEP,
    "[" * DEEP + "]" * DEEP,
    "{a=" * DEEP + "1" + "}" * DEEP,
    "9" * 5000,
    "-" + "9" * 400,
    "0x" + "f" * 5000,
    "1e999",
    "nan",
    "inf",
    "1979-05-27T07:32:00Z",
    "9999-99-99",
    '"\\u001b[31mred\\u0007"',
    '"\\ud800"',
    '"\\u0000"',
    '""',
    "true",
    "[]",
    "{}",
    "'''\n'''",
)
LINES = (
    "[[waiver]]",
    "[waiver]",
    "[waiver.waiver]",
    "check.a = 1",
    ".".join(["a"] * 3000) + " = 1",
    "[[other]]",
    "\x1b[31m",
)


def seeds() -> Sequence[bytes]:
    return [ONE.encode(), (ONE + ONE.replace("gates.softmax", "select.ids")).encode()]


def mutate(rng: Random, data: bytes) -> Input:
    if rng.random() < 0.3:
        return mutate_bytes(rng, data, seeds())
    lines = data.decode().splitlines()
    for _ in range(rng.choice((1, 1, 2, 3))):
        at = rng.randrange(len(lines))
        if rng.random() < 0.6:
            lines[at] = f"{lines[at].partition(' = ')[0]} = {rng.choice(VALUES)}"
        else:
            lines.insert(at, rng.choice((*LINES, lines[at])))
    return Input("\n".join(lines).encode("utf-8", "surrogatepass"))


def read(path: Path) -> None:
    read_waivers(path)


def arguments(path: Path) -> list[str]:
    checked = ["--only", "gates.softmax", "--profile", "float32", "--size", "minimal", "--quiet"]
    return ["check", "reference", "--waivers", str(path), *checked]


TARGET = Target(
    "waivers",
    ".toml",
    seeds,
    mutate,
    (Way("read_waivers", read, errors=(PeerError, OSError)), command("check", arguments, every=300)),
)
