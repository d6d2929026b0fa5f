"""The parts of every test program: lines in, lines out, and correct answers of the reference."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

HELLO = {"reply": "start", "protocol": 1, "name": "program", "profiles": ["float64"], "methods": ["forward"]}

Message = dict[str, Any]


def say(reply: Any) -> None:
    print(json.dumps(reply), flush=True)


PARTS = ("experts", "keys", "query", "query_norm", "statistics")
"""What may change in each step of ``train``."""


def inputs(message: Message, *names: str) -> dict[str, Any]:
    from peerspec.backends.process.tensors import read_answer

    return read_answer(Path(message["inputs"]), message["method"], required=names, optional=["mask"])


def compared_layer(message: Message) -> Any:
    """The layer of chapter 15 of a message."""
    from peerspec.files.tensors import parse_tensors
    from peerspec.reference.comparison import COMPARISON_CONFIGS, ComparisonLayer

    config = COMPARISON_CONFIGS[message["kind"]].from_fields(message["config"])
    return ComparisonLayer(config, parse_tensors(Path(message["layer"]).read_bytes()))


def an_adapter(message: Message) -> Any:
    """The adapter of a message."""
    from peerspec.backends.process.tensors import read_answer
    from peerspec.reference import Adapter, AdapterConfig

    params = read_answer(Path(message["adapter"]), message["method"], required=(), optional=None)
    return Adapter(AdapterConfig(**message["config"]), params)


def by_target(message: Message) -> tuple[dict[str, Any], Any, dict[str, Any]]:
    """Bases, x and dy of a message about an adapter."""
    from peerspec.backends.process.tensors import read_answer
    from peerspec.reference import Base

    given = read_answer(Path(message["inputs"]), message["method"], required=["x"], optional=None)
    # the order of tensors in a file says nothing, and that of targets decides the bits of a sum
    names = [target for target in message["config"]["targets"] if f"bases.{target}.weight" in given]
    bases = {name: Base(given[f"bases.{name}.weight"], given.get(f"bases.{name}.bias")) for name in names}
    return bases, given["x"], {name: given[f"dy.{name}"] for name in names if f"dy.{name}" in given}


def right_forward(message: Message) -> dict[str, Any]:
    """The tensors of a right answer."""
    from peerspec.backends import reference
    from peerspec.reference import Layer

    given = inputs(message, "x")
    layer = Layer.load(message["layer"])
    out = reference.forward(layer, given["x"], mask=given.get("mask"), training=message["training"])
    state = out.state or {}
    return {"y": out.y, "scores": out.scores, "indices": out.indices, "gates": out.gates} | state


def write(message: Message, tensors: dict[str, Any]) -> None:
    save_file({name: np.ascontiguousarray(array) for name, array in tensors.items()}, message["answer"])


def run(answer: Callable[[Message], None], hello: Any = HELLO) -> None:
    """Reply to ``start``, then pass every message to ``answer`` until ``stop``."""
    for line in sys.stdin:
        message = json.loads(line)
        if message["method"] == "start":
            say(hello)
        elif message["method"] == "stop":
            return
        else:
            answer(message)
