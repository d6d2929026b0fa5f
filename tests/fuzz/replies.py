"""What a program of ``--command`` replies, and the tensors of its answers."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from random import Random

import numpy as np
from safetensors.numpy import save

from peerspec.backends import reference
from peerspec.backends.process import ProcessBackend, messages
from peerspec.backends.process.errors import ProcessError
from peerspec.backends.process.tensors import read_answer
from peerspec.reference import Layer, PeerConfig
from tests.fuzz.inputs import Input
from tests.fuzz.layer_files import changed_file
from tests.fuzz.mutate import mutate_bytes
from tests.fuzz.mutate_json import changed_json
from tests.fuzz.target import Target, Way, command

__all__ = ["ANSWERS", "REPLIES"]

PROGRAM = Path(__file__).with_name("program.py")
LAYER = Layer.random(PeerConfig(3, 2, 4, 2, 4))
X = np.ones((2, 3), np.float32)
START = {"reply": "start", "protocol": 1, "name": "program", "profiles": ["float32"]}
LINES = (
    START | {"methods": ["forward", "supports", "select", "gradients"]},
    {"reply": "supports", "supported": True},
    {"reply": "forward"},
    {"reply": "select"},
    {"reply": "error", "message": "no such activation"},
)


def replies() -> Sequence[bytes]:
    lines = [json.dumps(line).encode() for line in LINES]
    return [b"\n".join(lines) + b"\n", b"\n".join([lines[0], lines[4], lines[4]]) + b"\n"]


@cache
def answers() -> Sequence[bytes]:
    out = reference.forward(LAYER, X)
    routing = {"scores": out.scores, "indices": out.indices, "gates": out.gates}
    return [save({"y": out.y}), save({"y": out.y} | {name: part for name, part in routing.items() if part is not None})]


def changed_replies(rng: Random, data: bytes) -> Input:
    if rng.random() < 0.4:
        return Input(mutate_bytes(rng, data, replies()).data)
    lines = data.splitlines()
    at = rng.randrange(len(lines))
    lines[at] = changed_json(rng, lines[at].decode()).replace("\n", " ").encode("utf-8", "surrogatepass")
    return Input(b"\n".join(lines) + b"\n")


def changed_answer(rng: Random, data: bytes) -> Input:
    return changed_file(rng, data, answers())


def decode(path: Path) -> None:
    for line, method in zip(path.read_bytes().split(b"\n"), ("start", "supports", "forward", "select"), strict=False):
        reply = messages.decode(line, method)
        if method == "start":
            messages.read_start(reply)
        elif method == "supports":
            messages.read_support(reply)


def read_tensors(path: Path) -> None:
    read_answer(path, "forward()", required=["y"], optional=None)


def talk(path: Path) -> None:
    """Start a program that replies with the file, and answers with its neighbour."""
    _talk(path, path.with_name("answer"))


def talk_of_tensors(path: Path) -> None:
    _talk(path.with_name("replies"), path)


def _talk(lines: Path, answer: Path) -> None:
    words = [sys.executable, "-I", "-S", str(PROGRAM), str(lines), str(answer)]
    with ProcessBackend(words, timeout=10.0, start_timeout=10.0) as backend:
        if hasattr(backend, "supports"):
            backend.supports(LAYER.config, "float32")
        backend.forward(LAYER, X)


def check(lines: str, answer: str) -> list[str]:
    words = f"{sys.executable} -I -S {PROGRAM} {lines} {answer}"
    only = ["--only", "structure.answer", "--size", "minimal", "--timeout", "5"]
    return ["check", "--command", words, *only]


def prepare(folder: Path) -> None:
    (folder / "answer").write_bytes(answers()[1])
    (folder / "replies").write_bytes(replies()[0])


ERRORS = (ProcessError,)
REPLIES = Target(
    "replies",
    ".lines",
    replies,
    changed_replies,
    (
        Way("decode", decode, errors=ERRORS),
        Way("a program", talk, every=40, errors=ERRORS),
        command("check", lambda path: check(str(path), str(path.with_name("answer"))), every=100),
    ),
    prepare,
)
ANSWERS = Target(
    "answers",
    ".safetensors",
    answers,
    changed_answer,
    (
        Way("read_answer", read_tensors, errors=ERRORS),
        Way("a program", talk_of_tensors, every=100, errors=ERRORS),
        command("check", lambda path: check(str(path.with_name("replies")), str(path)), every=200),
    ),
    prepare,
)
