"""What the process of a named backend sends: a value in JSON, then arrays."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from io import BytesIO
from pathlib import Path
from random import Random

import numpy as np

from peerspec.backends import reference
from peerspec.conformance.hosts.call import METHODS, Answer
from peerspec.conformance.hosts.fault import Fault
from peerspec.conformance.hosts.memory import Changed
from peerspec.conformance.hosts.worker_messages import (
    answer_of,
    reply_of_answer,
    reply_of_fault,
    reply_of_refusal,
    reply_of_start,
    start_of,
)
from peerspec.conformance.hosts.worker_wire import WireError, read_message, write_message
from peerspec.conformance.problems import FaultKind
from peerspec.reference import Layer, PeerConfig
from tests.fuzz.inputs import Input
from tests.fuzz.layer_files import changed_file
from tests.fuzz.mutate import mutate_bytes
from tests.fuzz.mutate_json import changed_json
from tests.fuzz.target import Target, Way

__all__ = ["TARGET"]


@cache
def seeds() -> Sequence[bytes]:
    out = reference.forward(Layer.random(PeerConfig(3, 2, 4, 2, 4)), np.ones((2, 3), np.float32))
    changed = (Changed("forward", "y", False),)
    replies = (
        reply_of_start(("liar", frozenset({"float32"}), frozenset({"forward"}), {"numpy": "0123456789"})),
        reply_of_refusal("no such backend"),
        reply_of_answer("forward", Answer(out, ("x",), changed)),
        reply_of_answer("gradients", Answer({"x": np.ones(3)})),
        reply_of_answer("supports", Answer("no silu")),
        reply_of_fault(Fault.of(FaultKind.RAISED, method="forward", exception="E", detail="d", raised="r")),
        reply_of_fault(Fault.of(FaultKind.NO_ARRAY, part="y", got="str")),
    )
    found = []
    for value, arrays in replies:
        stream = BytesIO()
        write_message(stream, value, arrays)
        found.append(stream.getvalue())
    return found


def mutate(rng: Random, data: bytes) -> Input:
    if rng.random() < 0.2:
        return Input(mutate_bytes(rng, data, seeds()).data)
    length = int.from_bytes(data[:8], "little")
    text, tensors = data[16 : 16 + length], data[16 + length :]
    if rng.random() < 0.7:
        text = changed_json(rng, text.decode()).encode("utf-8", "surrogatepass")
    else:
        tensors = changed_file(rng, tensors).data
    return Input(len(text).to_bytes(8, "little") + len(tensors).to_bytes(8, "little") + text + tensors)


def read(path: Path) -> None:
    message = read_message(BytesIO(path.read_bytes()), limited=True)
    for method in METHODS:
        try:
            str(answer_of(method, message))
        except WireError:
            continue
    start_of(message)


ERRORS = (WireError, EOFError, OSError)
TARGET = Target("workers", ".message", seeds, mutate, (Way("read_message", read, errors=ERRORS),))
